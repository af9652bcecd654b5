using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.DataPipeline.Tests.Corpus;

public sealed class EmbeddingWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 5)]
    [InlineData(1000, 512)]
    [InlineData(5000, 4096)]
    public void DuckDB_reads_back_every_number_as_lists_of_one_length(int rows, int dimensions)
    {
        var path = Write(rows, dimensions, images: true, texts: true);

        Assert.Equal(
            [
                ["file", "VARCHAR"],
                ["row", "BIGINT"],
                ["image_embedding", "FLOAT[]"],
                ["text_embedding", "FLOAT[]"],
            ],
            TestCorpus.Query($"DESCRIBE SELECT * FROM {Sql.ReadParquet(path)}", 2)
        );
        // Each number encodes its row and place; halves are exact.
        Assert.Equal(
            [
                [$"{rows}", $"{rows}", $"{rows}"],
            ],
            TestCorpus.Query(
                $"""
                SELECT count(*)::VARCHAR,
                  count(*) FILTER (image_embedding = list_transform(range({dimensions}), i -> ("row" * 2 + i)::FLOAT)
                    AND text_embedding = list_transform(range({dimensions}), i -> ("row" - i * 0.5)::FLOAT))::VARCHAR,
                  count(*) FILTER (file = 'f' || ("row" % 3)::VARCHAR AND "row" = file_row_number)::VARCHAR
                FROM read_parquet('{path}', file_row_number = true)
                """,
                3
            )
        );
    }

    [Theory]
    [InlineData(true, false, "image_embedding")]
    [InlineData(false, true, "text_embedding")]
    public void A_column_that_is_not_asked_for_is_not_there(bool images, bool texts, string column)
    {
        var path = Write(10, 4, images, texts);
        Assert.Equal(
            [
                ["file"],
                ["row"],
                [column],
            ],
            TestCorpus.Query($"SELECT column_name FROM (DESCRIBE SELECT * FROM {Sql.ReadParquet(path)})", 1)
        );
    }

    [Fact]
    public void A_file_may_have_no_rows()
    {
        var path = Write(0, 4, images: true, texts: true);
        Assert.Equal(
            [
                ["0"],
            ],
            TestCorpus.Query($"SELECT count(*)::VARCHAR FROM {Sql.ReadParquet(path)}", 1)
        );
    }

    [Fact]
    public void A_vector_of_another_length_is_refused_and_nothing_is_left_behind()
    {
        var path = _folder.File("e.parquet");
        using (var writer = new EmbeddingWriter(path, 4, images: true, texts: false))
        {
            Assert.Throws<ArgumentException>(() => writer.Add("f", 0, new float[3], default));
        }

        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    private string Write(int rows, int dimensions, bool images, bool texts)
    {
        var path = _folder.File("e.parquet");
        using var writer = new EmbeddingWriter(path, dimensions, images, texts);
        for (var row = 0; row < rows; row++)
        {
            float[] image = [.. Enumerable.Range(0, dimensions).Select(i => (row * 2) + i)],
                text = [.. Enumerable.Range(0, dimensions).Select(i => row - (i * 0.5f))];
            writer.Add($"f{row % 3}", row, image, text);
        }

        writer.Complete();
        return path;
    }
}
