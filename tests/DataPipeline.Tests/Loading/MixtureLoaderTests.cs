using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class MixtureLoaderTests : IDisposable
{
    private const ulong Seed = 5;

    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _manifest;

    public MixtureLoaderTests()
    {
        var paths = TestCorpus.Write(_folder, rowGroupRows: 7, 35, 20, 9, 6);
        // Two files, one, and one whose columns have other names.
        _manifest = CorpusManifest.Mix([
            ("large", CorpusManifest.Create([.. paths.Take(2)])),
            ("small", CorpusManifest.Create([paths[2]])),
            ("other", CorpusManifest.Create([Renamed(paths[3])])),
        ]);
    }

    public static TheoryData<double[], int> WeightsAndWindows
    {
        get
        {
            var grid = new TheoryData<double[], int>();
            foreach (
                var weights in (double[][])
                    [
                        [55, 9, 6],
                        [1, 1, 1],
                        [1000, 1, 1],
                        [1, 50, 2],
                    ]
            )
            {
                foreach (var window in (int[])[1, 4, 30])
                {
                    grid.Add(weights, window);
                }
            }

            return grid;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(WeightsAndWindows))]
    public void Global_batches_are_those_of_the_order_for_any_number_of_workers_and_threads(double[] weights, int window)
    {
        foreach (var (globalBatch, worldSize, threads) in ((int, int, int)[])[(8, 1, 1), (8, 3, 2), (2, 2, 1), (100, 2, 3), (1, 1, 1)])
        {
            var order = Order(weights, window, globalBatch);
            var workers = Enumerable.Range(0, worldSize).Select(rank => Loader(order, rank, worldSize, threads)).ToArray();
            for (var step = 0; step < 15; step++)
            {
                var expected = order.GlobalBatch(step);
                var batch = LoadedBatch.Concat([.. workers.Select(worker => LoadedBatch.Take(worker))]);
                Assert.Equal(expected, batch.Samples);
                Assert.Equal(expected.Select(s => (float)s.Index), batch.Images.Select(image => image[0]));
                Assert.Equal(expected.Select(s => TestCorpus.Caption(s.Index)), batch.Captions, StringComparer.Ordinal);
            }

            foreach (var worker in workers)
            {
                worker.Dispose();
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(19)]
    public void A_mixture_resumed_at_any_step_reads_the_same(int firstStep)
    {
        using var whole = Loader(Order([3, 1, 1], 4, 7));
        using var resumed = Loader(Order([3, 1, 1], 4, 7), threads: 2, firstStep: firstStep);
        foreach (var batch in LoadedBatch.Take(whole, 25).Skip(firstStep))
        {
            LoadedBatch.AssertEqual(batch, LoadedBatch.Take(resumed));
        }
    }

    [Fact]
    public void A_worker_to_whom_a_corpus_never_falls_reads_on()
    {
        // Every other position of a lane is the first corpus's; of two positions a batch this rank has the second.
        var order = Order([2, 1, 1], window: 2, globalBatch: 4);
        using var loader = Loader(order, rank: 3, worldSize: 4);
        var corpora = LoadedBatch.Take(loader, 100).Select(batch => order.CorpusOf(batch.Samples[0].Index)).Distinct();
        Assert.InRange(corpora.Count(), 1, 2);
    }

    [Fact]
    public void The_manifest_of_a_mixture_numbers_and_names_samples_through_all_corpora()
    {
        _manifest.Save(_folder.File("manifest.json"));
        var loaded = CorpusManifest.Load(_folder.File("manifest.json"));
        Assert.Null(loaded.DifferenceTo(_manifest));
        Assert.Equivalent(_manifest.Parts, loaded.Parts, strict: true);
        Assert.Equal(70, loaded.SampleCount);
        Assert.Equal(["large", "small", "other"], loaded.Parts.Select(part => part.Name), StringComparer.Ordinal);
        Assert.Equal([55, 9, 6], loaded.RowGroupRowsByPart().Select(rows => rows.Sum()));
        Assert.Equal(loaded.RowGroupRows, loaded.RowGroupRowsByPart().SelectMany(rows => rows));
        Assert.EndsWith("0002.parquet:3", loaded.Key(58), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_mixture_of_the_same_files_is_another_corpus()
    {
        var corpora = _manifest.Files.Take(3).Select(file => CorpusManifest.Create([file.Path])).ToArray();
        var mixture = CorpusManifest.Mix([("a", corpora[0]), ("b", corpora[1])]);
        Assert.NotNull(mixture.DifferenceTo(CorpusManifest.Mix([("b", corpora[1]), ("a", corpora[0])])));
        Assert.NotNull(mixture.DifferenceTo(CorpusManifest.Mix([("a", corpora[0]), ("c", corpora[1])])));
        Assert.NotNull(mixture.DifferenceTo(CorpusManifest.Create([.. _manifest.Files.Take(2).Select(file => file.Path)])));
        Assert.Null(mixture.DifferenceTo(CorpusManifest.Mix([("a", corpora[0]), ("b", corpora[1])])));
    }

    private string Renamed(string path) =>
        TestCorpus.WriteSql(_folder, "renamed.parquet", $"SELECT image AS jpg, text AS caption FROM read_parquet('{path}')");

    private SampleOrder Order(double[] weights, int window, int globalBatch) =>
        new([.. _manifest.RowGroupRowsByPart().Zip(weights, (rows, weight) => new CorpusShare(rows, weight))], Seed, window, globalBatch);

    private TrainingLoader Loader(SampleOrder order, int rank = 0, int worldSize = 1, int threads = 1, long firstStep = 0) =>
        new(
            _manifest,
            order,
            new FakeTokenizer(),
            () => new FakeTransform(),
            new TrainingLoaderOptions
            {
                Rank = rank,
                WorldSize = worldSize,
                Seed = Seed,
                Threads = threads,
                Prefetch = 2,
                FirstStep = firstStep,
                LastStep = 1000,
            }
        );
}
