using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Loading;

/// <summary>Loading of corpora with unselected rows and several captions per pair.</summary>
public sealed class SelectedLoaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _manifest;

    public SelectedLoaderTests()
    {
        var files = TestCorpus.Write(_folder, 7, 35, 3, 60);
        _manifest = CorpusSelector.Select(
            CorpusManifest.Create(files, new CorpusColumns { Captions = ["text", "label"], EveryCaption = true }),
            // Whole row groups are deselected too.
            new SelectionOptions
            {
                Filter =
                    "label <> 'label 2' and not text in ('caption 0','caption 1','caption 2','caption 3','caption 4','caption "
                    + "5','caption 6','caption 96','caption 97')",
            }
        );
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(CaptionMode.First, 1, 3)]
    [InlineData(CaptionMode.Random, 2, 1)]
    [InlineData(CaptionMode.Random, 3, 3)]
    [InlineData(CaptionMode.All, 4, 2)]
    public void Batches_are_the_same_for_any_number_of_workers_and_threads_and_after_resuming(CaptionMode mode, int worldSize, int threads)
    {
        using var one = Loader(mode);
        var expected = LoadedBatch.Take(one, 30);
        foreach (var firstStep in new[] { 0, 13 })
        {
            var workers = Enumerable.Range(0, worldSize).Select(rank => Loader(mode, rank, worldSize, threads, firstStep)).ToArray();
            foreach (var batch in expected.Skip(firstStep))
            {
                LoadedBatch.AssertEqual(batch, LoadedBatch.Concat([.. workers.Select(worker => LoadedBatch.Take(worker))]));
            }

            foreach (var worker in workers)
            {
                worker.Dispose();
            }
        }
    }

    [Theory]
    [InlineData(CaptionMode.First)]
    [InlineData(CaptionMode.All)]
    public void Each_epoch_holds_every_selected_row_once_and_no_other(CaptionMode mode)
    {
        long[] selected = [.. Enumerable.Range(0, 98).Where(i => i % 5 != 2 && i is >= 7 and < 96)];
        Assert.Equal(selected.Length, _manifest.SampleCount);
        using var loader = Loader(mode);

        var batches = LoadedBatch.Take(loader, (selected.Length * 3 / 8) + 1);

        var read = batches.SelectMany(b => b.Samples.Zip(b.Images, (sample, image) => (sample.Epoch, Row: (long)image[0]))).ToArray();
        for (var epoch = 0; epoch < 3; epoch++)
        {
            Assert.Equal(selected, read.Where(r => r.Epoch == epoch).Select(r => r.Row).Order());
        }
    }

    [Fact]
    public void All_gives_a_pair_its_captions_in_turn()
    {
        using var loader = Loader(CaptionMode.All);

        var uses = LoadedBatch
            .Take(loader, (int)(_manifest.SampleCount * 2 / 8))
            .SelectMany(b => b.Samples.Zip(b.Captions, (sample, caption) => (sample.Index, caption)))
            .GroupBy(u => u.Index, u => u.caption)
            .Where(g => g.Count() == 2)
            .ToArray();

        Assert.InRange(uses.Length, _manifest.SampleCount - 8, _manifest.SampleCount);
        Assert.All(
            uses,
            captions =>
                Assert.Equal(
                    ["caption", "label"],
                    captions.Select(c => c.Split(' ')[0]).Order(StringComparer.Ordinal),
                    StringComparer.Ordinal
                )
        );
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Reading_in_order_gives_the_selected_rows(int worldSize)
    {
        var rows = Enumerable
            .Range(0, worldSize)
            .SelectMany(rank =>
            {
                using var loader = new SequentialLoader(
                    _manifest,
                    () => new FakeTransform(),
                    new SequentialLoaderOptions
                    {
                        Batch = 5,
                        Rank = rank,
                        WorldSize = worldSize,
                    }
                );
                return loader
                    .Read()
                    .SelectMany(batch =>
                    {
                        using (batch)
                        {
                            return batch.Captions.ToArray();
                        }
                    })
                    .ToArray();
            });

        Assert.Equal(
            Enumerable.Range(0, 98).Where(i => i % 5 != 2 && i is >= 7 and < 96).Select(i => TestCorpus.Caption(i)),
            rows,
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void Choosing_among_captions_that_are_not_read_is_refused() =>
        Assert.Throws<ArgumentException>(() => Loader(CaptionMode.All, manifest: TestCorpus.Create(_folder, 5, 10)));

    private TrainingLoader Loader(
        CaptionMode mode,
        int rank = 0,
        int worldSize = 1,
        int threads = 1,
        int firstStep = 0,
        CorpusManifest? manifest = null
    ) =>
        new(
            manifest ?? _manifest,
            new SampleOrder((manifest ?? _manifest).RowGroupRows, 5, 3, 8),
            new FakeTokenizer(),
            () => new FakeTransform(),
            new TrainingLoaderOptions
            {
                Rank = rank,
                WorldSize = worldSize,
                Threads = threads,
                FirstStep = firstStep,
                LastStep = 1000,
                Seed = 5,
                CaptionMode = mode,
            }
        );
}
