using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class CorpusWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(100, 1, new[] { 1 })]
    [InlineData(100, 100, new[] { 100 })]
    [InlineData(100, 250, new[] { 100, 100, 50 })]
    [InlineData(500, 1700, new[] { 500, 500, 500, 200 })]
    public void Row_groups_have_exactly_the_rows_asked_for(int rowGroupRows, int rows, int[] expected)
    {
        var path = TestCorpus.Write(_folder, rowGroupRows, rows)[0];

        var groups = TestCorpus.Query(
            $"SELECT row_group_num_rows::VARCHAR FROM parquet_metadata({Sql.Literal(path)}) WHERE path_in_schema = 'image' ORDER BY "
                + "row_group_id",
            1
        );

        Assert.Equal(expected, groups.Select(g => int.Parse(g[0]!)));
    }

    [Fact]
    public void DuckDB_reads_back_every_value_and_null()
    {
        var path = _folder.File("a.parquet");
        var long10K = new string('x', 10_000);
        (byte[] Image, string? Caption, string? Label)[] rows =
        [
            ([1, 2, 3], "été 🐈", "a"),
            ([], "no image", null),
            ([0, 255], null, ""),
            ([.. Enumerable.Range(0, 300).Select(i => (byte)i)], "", "b"),
            ([9], long10K, null),
            ([], null, null),
        ];
        using (var writer = new CorpusWriter(path, rowGroupRows: 4, extraColumns: ["label"]))
        {
            foreach (var (image, caption, label) in rows)
            {
                writer.Add(image, caption, [label]);
            }

            writer.Complete();
        }

        var read = TestCorpus.Query($"SELECT hex(image), text, label FROM {Sql.ReadParquet(path)}", 3);

        Assert.Equal(rows.Select(r => new[] { r.Image.Length == 0 ? null : Convert.ToHexString(r.Image), r.Caption, r.Label }), read);
        Assert.Equal(
            [
                ["image", "BLOB"],
                ["text", "VARCHAR"],
                ["label", "VARCHAR"],
            ],
            TestCorpus.Query($"DESCRIBE SELECT * FROM {Sql.ReadParquet(path)}", 2)
        );
    }

    [Theory]
    [InlineData(2000, 3)]
    [InlineData(513, 2)]
    public void Nulls_are_counted_in_the_statistics_whatever_their_runs(int rows, int every)
    {
        var path = _folder.File("a.parquet");
        using (var writer = new CorpusWriter(path, rowGroupRows: 1000))
        {
            for (var i = 0; i < rows; i++)
            {
                writer.Add(i % every == 0 ? [] : [1], i < rows / 2 ? null : "t");
            }

            writer.Complete();
        }

        var counts = TestCorpus.Query(
            $"SELECT count(image)::VARCHAR, count(text)::VARCHAR, (SELECT sum(stats_null_count)::VARCHAR FROM "
                + $"parquet_metadata({Sql.Literal(path)}) WHERE path_in_schema = 'image') FROM {Sql.ReadParquet(path)}",
            3
        );

        var nulls = (rows + every - 1) / every;
        Assert.Equal<string?[]>(
            [
                [$"{rows - nulls}", $"{rows - (rows / 2)}", $"{nulls}"],
            ],
            counts
        );
    }

    [Fact]
    public void An_abandoned_file_leaves_nothing_and_keeps_the_old_one()
    {
        var path = TestCorpus.Write(_folder, 10, 5)[0];
        var before = File.ReadAllBytes(path);

        using (var writer = new CorpusWriter(path))
        {
            writer.Add([1], "unfinished");
        }

        Assert.Equal([path], Directory.GetFiles(_folder.Path));
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void Extra_values_must_match_the_extra_columns()
    {
        using var writer = new CorpusWriter(_folder.File("a.parquet"), extraColumns: ["label", "source"]);

        Assert.Throws<ArgumentException>(() => writer.Add([1], "text", ["only one"]));
        Assert.Throws<ArgumentException>(() => new CorpusWriter(_folder.File("b.parquet"), extraColumns: ["IMAGE"]));
    }
}
