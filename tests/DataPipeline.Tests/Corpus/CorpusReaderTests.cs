using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class CorpusReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_group_holds_its_rows()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 10, 25, 12);
        using var reader = new CorpusReader(manifest, "label");

        for (var group = manifest.RowGroupRows.Count - 1; group >= 0; group--)
        {
            using var rows = reader.Read(group);
            Assert.Equal(manifest.RowGroupRows[group], rows.Rows);
            var first = manifest.RowGroupRows.Take(group).Sum();
            for (var row = 0; row < rows.Rows; row++)
            {
                var index = first + row;
                Assert.Equal(TestCorpus.Image(index), rows.Image(row));
                Assert.Equal(TestCorpus.Caption(index), rows.Caption(row));
                Assert.Equal($"label {index % 5}", rows.Label(row));
            }
        }
    }

    [Fact]
    public void Images_of_all_sizes_survive()
    {
        var path = _folder.File("a.parquet");
        int[] sizes = [1, 12, 13, 1000, BlockPool.BlockBytes - 1, BlockPool.BlockBytes, BlockPool.BlockBytes + 1, 3_000_000, 5];
        var images = sizes.Select((size, i) => Enumerable.Range(0, size).Select(n => (byte)(n * (i + 3))).ToArray()).ToArray();
        using (var writer = new CorpusWriter(path, 4))
        {
            foreach (var image in images)
            {
                writer.Add(image, "text");
            }

            writer.Complete();
        }

        using var reader = new CorpusReader(CorpusManifest.Create([path]));

        Assert.Equal(images, reader.ReadRows(0, images.Length).Select(s => s.Image.ToArray()));
    }

    [Theory]
    [InlineData(0, 37)]
    [InlineData(5, 1)]
    [InlineData(9, 20)]
    [InlineData(30, 7)]
    [InlineData(36, 0)]
    public void A_range_of_rows_runs_through_groups_and_files(long start, int count)
    {
        using var reader = new CorpusReader(TestCorpus.Create(_folder, rowGroupRows: 10, 25, 12), "label");

        var samples = reader.ReadRows(start, count).ToArray();

        Assert.Equal(Enumerable.Range((int)start, count).Select(i => (long)i), samples.Select(s => s.Index));
        Assert.All(samples, s => Assert.Equal(TestCorpus.Image(s.Index), s.Image.Span));
        Assert.All(samples, s => Assert.Equal((TestCorpus.Caption(s.Index), $"label {s.Index % 5}"), (s.Caption, s.Label)));
    }

    [Fact]
    public void Nulls_anywhere_are_empty_images_and_null_captions()
    {
        var path = TestCorpus.WriteSql(
            _folder,
            "a.parquet",
            "SELECT CASE i WHEN 0 THEN NULL WHEN 1 THEN {'bytes': NULL::BLOB, 'path': 'p'} "
                + "ELSE {'bytes': 'x'::BLOB, 'path': NULL} END AS image, "
                + "CASE i WHEN 2 THEN NULL WHEN 3 THEN []::VARCHAR[] WHEN 4 THEN [NULL]::VARCHAR[] ELSE ['a', 'b'] END AS text FROM "
                + "range(6) t(i)"
        );
        using var reader = new CorpusReader(CorpusManifest.Create([path]));

        var samples = reader.ReadRows(0, 6).ToArray();

        Assert.Equal([0, 0, 1, 1, 1, 1], samples.Select(s => s.Image.Length));
        Assert.Equal(["a", "a", null, null, null, "a"], samples.Select(s => s.Caption), StringComparer.Ordinal);
        Assert.All(samples, s => Assert.Null(s.Label));
    }

    [Theory]
    [InlineData("snappy")]
    [InlineData("zstd")]
    [InlineData("gzip")]
    [InlineData("uncompressed")]
    public void Files_of_other_writers_with_large_row_groups_are_read(string compression)
    {
        var path = TestCorpus.WriteSql(
            _folder,
            "a.parquet",
            "SELECT i::VARCHAR::BLOB AS image, 'caption ' || i AS text FROM range(9000) t(i)",
            $", COMPRESSION {compression}, ROW_GROUP_SIZE 6144"
        );
        var manifest = CorpusManifest.Create([path]);
        using var reader = new CorpusReader(manifest);

        Assert.All(manifest.RowGroupRows, rows => Assert.InRange(rows, 1, 2048));
        foreach (var start in (long[])[8990, 0, 6140, 2045])
        {
            Assert.Equal(
                Enumerable.Range((int)start, 10).Select(i => $"caption {i}"),
                reader.ReadRows(start, 10).Select(s => s.Caption),
                StringComparer.Ordinal
            );
        }
    }

    [Fact]
    public void A_file_that_changed_since_the_manifest_is_refused()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 10, 25, 12, 7);
        TestCorpus.Write(_folder, 10, 25, 13);
        File.Delete(manifest.Files[2].Path);
        using var reader = new CorpusReader(manifest);

        reader.Read(0).Dispose();
        Assert.Contains(
            "differs from the manifest",
            Assert.Throws<CorpusException>(() => reader.Read(3)).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            $"{manifest.Files[2].Path} has been removed",
            Assert.Throws<CorpusException>(() => reader.Read(5)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Damage_inside_a_file_is_an_error_that_names_file_and_rows()
    {
        var manifest = TestCorpus.Create(_folder, rowGroupRows: 100, 300);
        var path = manifest.Files[0].Path;
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(4, 40).Fill(0xFF);
        File.WriteAllBytes(path, bytes);
        using var reader = new CorpusReader(manifest);

        var message = Assert.Throws<CorpusException>(() => reader.Read(0)).Message;

        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("rows 0 to 99", message, StringComparison.Ordinal);
        reader.Read(1).Dispose();
    }

    [Fact]
    public void Ranges_outside_the_corpus_are_refused()
    {
        using var reader = new CorpusReader(TestCorpus.Create(_folder, rowGroupRows: 10, 25));

        Assert.Throws<ArgumentOutOfRangeException>(() => reader.ReadRows(20, 6));
        Assert.Throws<ArgumentOutOfRangeException>(() => reader.ReadRows(-1, 1));
    }
}
