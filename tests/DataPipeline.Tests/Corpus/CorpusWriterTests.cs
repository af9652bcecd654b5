using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class CorpusWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(199)]
    [InlineData(200)]
    [InlineData(201)]
    [InlineData(1000)]
    public void What_is_written_reads_back_through_DuckDB_in_exact_row_groups(int rows)
    {
        var path = Write("a.parquet", rows);
        var expected = Enumerable.Range(0, rows).Select(i => string.Join('|', Image(i) is { } image ? Convert.ToHexString(image) : "null",
            ImagePath(i) ?? "null", i % 11 == 0 && ImagePath(i) is null ? "true" : "false", Caption(i) ?? "null", Extra(i) ?? "null", $"é{i}"));
        var actual = Query($"""
            select coalesce(hex(image.bytes), 'null') || '|' || coalesce(image.path, 'null') || '|' || (image is null) || '|'
              || coalesce("text", 'null') || '|' || coalesce("odd ""name", 'null') || '|' || label from {Sql.Literal(path)}
            """);
        Assert.Equal(expected.ToArray(), actual.ToArray());
        Assert.Equal(["STRUCT(bytes BLOB, path VARCHAR)", "VARCHAR", "VARCHAR", "VARCHAR"],
            Query($"select replace(column_type, '\"', '') from (describe from {Sql.Literal(path)})").ToArray());
        var groups = Query($"select max(row_group_num_rows)::varchar from parquet_metadata({Sql.Literal(path)}) group by row_group_id order by row_group_id");
        var expectedGroups = Enumerable.Range(0, (rows + 199) / 200).Select(g => Math.Min(200, rows - 200 * g)).ToArray();
        Assert.Equal(expectedGroups, groups.Select(int.Parse).ToArray());

        var manifest = CorpusManifest.Create([path], null, null);
        Assert.Equal(expectedGroups, manifest.RowGroupRows.ToArray());
        using var reader = new CorpusReader(manifest);
        for (var group = 0; group < expectedGroups.Length; group++)
        {
            using var data = reader.Read(group);
            for (var i = 0; i < data.Count; i++)
            {
                var sample = (int)data.FirstIndex + i;
                Assert.Equal(Image(sample) ?? [], data.Image(i).ToArray());
                Assert.Equal(Caption(sample), data.Caption(i));
            }
        }
    }

    [Fact]
    public void Values_larger_than_a_page_and_a_chunk_of_several_pages_come_back_whole()
    {
        var path = _folder.File("big.parquet");
        using (var writer = new CorpusWriter(path, [], 3000))
        {
            for (var i = 0; i < 2500; i++)
            {
                writer.Add(new byte[i == 7 ? 3 << 20 : 2000], null, new string('a', i == 9 ? 10_000 : i % 50), []);
            }

            writer.Complete();
        }

        using var reader = new CorpusReader(CorpusManifest.Create([path], null, null));
        using var data = reader.Read(0);
        Assert.Equal(Enumerable.Range(0, 2500).Select(i => i == 7 ? 3 << 20 : 2000).ToArray(), Enumerable.Range(0, 2500).Select(i => data.Image(i).Length).ToArray());
        Assert.Equal(Enumerable.Range(0, 2500).Select(i => i == 9 ? 10_000 : i % 50).ToArray(), Enumerable.Range(0, 2500).Select(i => data.Caption(i)!.Length).ToArray());
    }

    [Fact]
    public void The_same_rows_give_the_same_bytes() =>
        Assert.Equal(File.ReadAllBytes(Write("a.parquet", 500)), File.ReadAllBytes(Write("b.parquet", 500)));

    [Fact]
    public void Without_completion_nothing_is_left_and_an_older_file_stays()
    {
        var path = Write("a.parquet", 3);
        var before = File.ReadAllBytes(path);
        using (var writer = new CorpusWriter(path, [], 10))
        {
            writer.Add([1], null, "unfinished", []);
        }

        Assert.Equal([path], Directory.GetFiles(_folder.Path));
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_column_named_twice_is_an_error() =>
        Assert.Contains("Text", Assert.Throws<CorpusException>(() => new CorpusWriter(_folder.File("a.parquet"), ["Text"], 1)).Message, StringComparison.OrdinalIgnoreCase);

    private static byte[]? Image(int i) => i % 11 == 0 ? null : Encoding.UTF8.GetBytes(new string((char)('a' + i % 26), 1 + i % 40));

    private static string? ImagePath(int i) => i % 3 == 0 ? null : $"{i}.jpg";

    private static string? Caption(int i) => i % 7 == 0 ? null : i % 13 == 0 ? "" : $"caption {i} größe";

    private static string? Extra(int i) => i < 400 ? null : $"x{i}";

    private string Write(string name, int rows)
    {
        using var writer = new CorpusWriter(_folder.File(name), ["odd \"name", "label"], 200);
        for (var i = 0; i < rows; i++)
        {
            writer.Add(Image(i), ImagePath(i), Caption(i), [Extra(i), $"é{i}"]);
        }

        writer.Complete();
        return _folder.File(name);
    }

    private static List<string> Query(string sql)
    {
        using var database = new Database();
        using var connection = database.Connect();
        using var query = connection.Query(sql);
        var values = new List<string>();
        while (query.NextChunk())
        {
            values.AddRange(Enumerable.Range(0, query.Count).Select(i => query.Column(0).Text(i)!));
        }

        return values;
    }
}
