using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class BadSampleTests : IDisposable
{
    private static unsafe long[] LabelsOf(Batch batch) => new ReadOnlySpan<long>((void*)batch.Labels, batch.Count).ToArray();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Bad_samples_are_skipped_and_reported_in_order(int threads)
    {
        var manifest = Create(
            rows: 40,
            i =>
                (i % 10) switch
                {
                    1 => ([], TestCorpus.Caption(i)),
                    3 => ([1, 2, 3], TestCorpus.Caption(i)),
                    5 => (TestCorpus.Image(i), null),
                    7 => (TestCorpus.Image(i), ""),
                    9 => (TestCorpus.Image(i), " \t\n"),
                    _ => (TestCorpus.Image(i), TestCorpus.Caption(i)),
                }
        );
        var order = new SampleOrder(manifest.RowGroupRows, 1, 2, 16);
        var bad = new List<BadSample>();
        using var loader = new TrainingLoader(
            manifest,
            order,
            new FakeTokenizer(),
            () => new FakeTransform(),
            new()
            {
                Seed = 1,
                Threads = threads,
                MaxBadShare = 1,
                LastStep = 10,
            },
            bad.Add
        );
        var expectedBad = new List<BadSample>();

        for (var step = 0; step < 10; step++)
        {
            var planned = order.GlobalBatch(step);
            var batch = LoadedBatch.Take(loader);

            Assert.Equal(planned.Where(s => s.Index % 2 == 0), batch.Samples);
            Assert.Equal(batch.Samples.Select(s => (float)s.Index), batch.Images.Select(image => image[0]));
            Assert.Equal(batch.Samples.Select(s => TestCorpus.Caption(s.Index)), batch.Captions, StringComparer.Ordinal);
            Assert.Equal(16 - batch.Samples.Length, batch.BadSamples);
            expectedBad.AddRange(
                planned.Where(s => s.Index % 2 == 1).Select(s => new BadSample(manifest.Files[0].Path, s.Index, Reason(s.Index)))
            );
        }

        Assert.Equal(expectedBad, bad);
        Assert.Equal(160, loader.SamplesRead);
        Assert.Equal(bad.Count, loader.BadSamples);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Labels_are_read_in_place_of_captions_and_those_that_tell_no_class_are_bad(bool named)
    {
        string?[] labels = named ? ["cat", "dog", "bird", null, "cow"] : ["0", "1", "2", "3", "-1", "1.5", "", null];
        var path = _folder.File("labelled.parquet");
        using (var writer = new CorpusWriter(path, rowGroupRows: 8, extraColumns: ["label"]))
        {
            for (var i = 0; i < 40; i++)
            {
                writer.Add(TestCorpus.Image(i), caption: null, [labels[i % labels.Length]]);
            }

            writer.Complete();
        }

        var manifest = CorpusManifest.Create([path], new CorpusColumns { CaptionRequired = false });
        var bad = new List<BadSample>();
        using var loader = new TrainingLoader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, 1, 2, globalBatch: 40),
            new FakeTokenizer(),
            () => new FakeTransform(),
            new()
            {
                Seed = 1,
                Threads = 2,
                MaxBadShare = 1,
                LastStep = 1,
                Labels = new ClassLabels("label", 3, named ? ["cat", "dog", "bird"] : []),
            },
            bad.Add
        );

        using var batch = loader.Take();

        Assert.Equal(batch.Samples.Select(sample => sample.Index % labels.Length), LabelsOf(batch));
        Assert.Equal(Enumerable.Range(0, 40).Where(i => i % labels.Length >= 3), bad.Select(sample => (int)sample.Row).Order());
        Assert.Contains(bad, sample => sample.Reason == "the label, column label, is null");
        Assert.Contains(
            bad,
            sample =>
                sample.Reason
                == (
                    named
                        ? "the label, column label, is 'cow', which is not one of the 3 names in data.label_names"
                        : "the label, column label, is '3', not a number from 0 to 2"
                )
        );
    }

    [Fact]
    public void Too_many_bad_samples_stop_the_run_with_the_share_an_example_and_the_key()
    {
        var manifest = Create(rows: 1000, i => i % 5 == 0 ? ([1], "text") : (TestCorpus.Image(i), "text"));
        using var loader = Loader(manifest, globalBatch: 50, maxBadShare: 0.1);

        // Judged from 200 samples on: the fourth batch.
        for (var step = 0; step < 3; step++)
        {
            loader.Take().Dispose();
        }

        var error = Assert.Throws<CorpusException>(() => loader.Take());

        Assert.Contains("of the 200 samples", error.Message, StringComparison.Ordinal);
        Assert.Contains("data.max_bad_share, is 10.0 %", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{manifest.Files[0].Path}:", error.Message, StringComparison.Ordinal);
        Assert.Contains("1 bytes are no image", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_at_the_limit_is_accepted()
    {
        var manifest = Create(rows: 100, i => i % 4 == 0 ? ([1], "text") : (TestCorpus.Image(i), "text"));
        using var loader = Loader(manifest, globalBatch: 100, maxBadShare: 0.25);

        Assert.All(LoadedBatch.Take(loader, 10), batch => Assert.Equal(75, batch.Samples.Length));
    }

    [Fact]
    public void A_small_corpus_is_judged_after_one_pass()
    {
        var manifest = Create(rows: 20, _ => ([], "text"));
        using var loader = Loader(manifest, globalBatch: 10, maxBadShare: 0.05);

        Assert.Empty(LoadedBatch.Take(loader).Samples);
        Assert.Throws<CorpusException>(() => loader.Take());
    }

    [Fact]
    public void Rows_that_img2dataset_could_not_download_are_bad_samples()
    {
        var path = TestCorpus.WriteSql(
            _folder,
            "a.parquet",
            "SELECT i::VARCHAR AS key, 'http://x/' || i AS url, 'caption ' || i AS caption, if(i % 3 = 0, 'failed_to_download', "
                + "'success') AS status, "
                + "if(i % 3 = 0, NULL, unhex(printf('%02x00000000000000', i))) AS jpg FROM range(30) t(i)"
        );
        var bad = new List<BadSample>();
        var manifest = CorpusManifest.Create([path]);
        using var loader = Loader(manifest, globalBatch: 30, maxBadShare: 1, bad.Add);

        var batch = LoadedBatch.Take(loader);

        Assert.Equal(Enumerable.Range(0, 30).Where(i => i % 3 != 0), batch.Samples.Select(s => (int)s.Index).Order());
        Assert.Equal(batch.Samples.Select(s => $"caption {s.Index}"), batch.Captions, StringComparer.Ordinal);
        Assert.Equal(10, bad.Count);
    }

    private static string Reason(long index) =>
        (index % 10) switch
        {
            1 => "the image is missing",
            3 => "3 bytes are no image",
            _ => "the caption is empty",
        };

    private static TrainingLoader Loader(CorpusManifest manifest, int globalBatch, double maxBadShare, Action<BadSample>? onBad = null) =>
        new(
            manifest,
            new SampleOrder(manifest.RowGroupRows, 1, 2, globalBatch),
            new FakeTokenizer(),
            () => new FakeTransform(),
            new()
            {
                Seed = 1,
                Threads = 2,
                MaxBadShare = maxBadShare,
            },
            onBad
        );

    private CorpusManifest Create(int rows, Func<int, (byte[] Image, string? Caption)> row)
    {
        var path = _folder.File("bad.parquet");
        using (var writer = new CorpusWriter(path, rowGroupRows: 12))
        {
            for (var i = 0; i < rows; i++)
            {
                var (image, caption) = row(i);
                writer.Add(image, caption);
            }

            writer.Complete();
        }

        return CorpusManifest.Create([path]);
    }
}
