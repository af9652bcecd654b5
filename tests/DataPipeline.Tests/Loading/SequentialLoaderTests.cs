using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Loading;

public sealed class SequentialLoaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 1, 8)]
    [InlineData(1, 3, 8)]
    [InlineData(2, 2, 7)]
    [InlineData(3, 1, 100)]
    [InlineData(4, 2, 1)]
    public void The_workers_read_every_sample_once_in_order(int worldSize, int threads, int batchSize)
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 6, 20, 1, 14);
        var read = new List<(long, float, string?, string?, string)>();

        for (var rank = 0; rank < worldSize; rank++)
        {
            using var loader = new SequentialLoader(
                manifest,
                () => new FakeTransform(),
                new()
                {
                    Batch = batchSize,
                    Threads = threads,
                    Rank = rank,
                    WorldSize = worldSize,
                    LabelColumn = "label",
                }
            );
            foreach (var batch in loader.Read())
            {
                using (batch)
                {
                    read.AddRange(Copy(batch));
                }
            }
        }

        Assert.Equal(
            Enumerable
                .Range(0, 35)
                .Select(i => ((long)i, (float)i, (string?)TestCorpus.Caption(i), (string?)$"label {i % 5}", manifest.Key(i))),
            read
        );
    }

    [Fact]
    public void Batches_are_full_but_for_the_last()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 6, 20);
        using var loader = new SequentialLoader(manifest, () => new FakeTransform(), new() { Batch = 8 });

        Assert.Equal(
            [8, 8, 4],
            loader
                .Read()
                .Select(batch =>
                {
                    using (batch)
                    {
                        return batch.Count;
                    }
                })
        );
    }

    [Fact]
    public void Bad_samples_are_reported_and_rows_without_label_left_out()
    {
        var path = _folder.File("a.parquet");
        using (var writer = new CorpusWriter(path, 3, extraColumns: ["class"]))
        {
            writer.Add(TestCorpus.Image(0), null, ["cat"]);
            writer.Add(TestCorpus.Image(1), null, [null]);
            writer.Add([1, 2], null, ["dog"]);
            writer.Add([], null, ["dog"]);
            writer.Add([], null, [null]);
            writer.Add(TestCorpus.Image(5), null, ["dog"]);
            writer.Complete();
        }

        var bad = new List<BadSample>();
        using var loader = new SequentialLoader(
            CorpusManifest.Create([path]),
            () => new FakeTransform(),
            new()
            {
                Batch = 10,
                LabelColumn = "class",
                CaptionRequired = false,
            },
            bad.Add
        );

        using var batch = loader.Read().Single();

        Assert.Equal([0, 5], batch.Indices);
        Assert.Equal(["cat", "dog"], batch.Labels, StringComparer.Ordinal);
        Assert.Equal(2, batch.BadSamples);
        Assert.Equal([new BadSample(path, 2, "2 bytes are no image"), new BadSample(path, 3, "the image is missing")], bad);
    }

    [Fact]
    public void Numeric_labels_are_read_as_text()
    {
        var path = TestCorpus.WriteSql(
            _folder,
            "a.parquet",
            "SELECT {'bytes': unhex('0700000000000000'), 'path': 'x.png'} AS img, 42::BIGINT AS fine_label"
        );
        using var loader = new SequentialLoader(
            CorpusManifest.Create([path], captionRequired: false),
            () => new FakeTransform(),
            new()
            {
                Batch = 1,
                LabelColumn = "fine_label",
                CaptionRequired = false,
            }
        );

        using var batch = loader.Read().Single();

        Assert.Equal("42", batch.Labels[0]);
        Assert.Equal(7, Copy(batch).Single().Pixel);
    }

    [Fact]
    public void A_label_column_that_is_missing_is_named_with_those_there_are()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 6, 2);

        var error = Assert.Throws<CorpusException>(() =>
            new SequentialLoader(manifest, () => new FakeTransform(), new() { Batch = 1, LabelColumn = "class" })
        );

        Assert.Contains("no column class", error.Message, StringComparison.Ordinal);
        Assert.Contains("label (VARCHAR)", error.Message, StringComparison.Ordinal);
    }

    private static unsafe List<(long Index, float Pixel, string? Caption, string? Label, string Key)> Copy(EvaluationBatch batch)
    {
        var samples = new List<(long, float, string?, string?, string)>();
        for (var i = 0; i < batch.Count; i++)
        {
            samples.Add((batch.Indices[i], ((float*)batch.Images)[i * 12], batch.Captions[i], batch.Labels[i], batch.Keys[i]));
        }

        return samples;
    }
}
