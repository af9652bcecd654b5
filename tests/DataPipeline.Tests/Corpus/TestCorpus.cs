using System.Buffers.Binary;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;
using DuckDB.NET.Data;

namespace ClipTrain.DataPipeline.Tests.Corpus;

/// <summary>Small corpora whose image bytes and captions identify the sample.</summary>
internal static class TestCorpus
{
    /// <summary>Sample i's image: its number and padding whose length depends on it.</summary>
    public static byte[] Image(long i)
    {
        var image = new byte[8 + (i % 37)];
        BinaryPrimitives.WriteInt64LittleEndian(image, i);
        image.AsSpan(8).Fill((byte)i);
        return image;
    }

    public static string Caption(long i) => $"caption {i}";

    /// <summary>Writes files of the given sizes; samples are numbered across files.</summary>
    public static IReadOnlyList<string> Write(TemporaryFolder folder, int rowGroupRows, params ReadOnlySpan<int> fileRows)
    {
        var paths = new List<string>();
        long next = 0;
        foreach (var rows in fileRows)
        {
            var path = folder.File($"{paths.Count:D4}.parquet");
            using var writer = new CorpusWriter(path, rowGroupRows, extraColumns: ["label"]);
            for (var i = 0; i < rows; i++, next++)
            {
                writer.Add(Image(next), Caption(next), [$"label {next % 5}"]);
            }

            writer.Complete();
            paths.Add(path);
        }

        return paths;
    }

    /// <summary>A manifest over files of the given sizes.</summary>
    public static CorpusManifest Create(TemporaryFolder folder, int rowGroupRows, params ReadOnlySpan<int> fileRows) =>
        CorpusManifest.Create(Write(folder, rowGroupRows, fileRows));

    /// <summary>Writes the result of a query with DuckDB's own Parquet writer.</summary>
    public static string WriteSql(TemporaryFolder folder, string name, string select, string options = "")
    {
        var path = folder.File(name);
        Query($"COPY ({select}) TO {Sql.Literal(path)} (FORMAT parquet{options})", 0);
        return path;
    }

    /// <summary>All values of a query as text, one list per row.</summary>
    public static List<string?[]> Query(string sql, int columns)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string?[]>();
        while (columns > 0 && reader.Read())
        {
            rows.Add([.. Enumerable.Range(0, columns).Select(column => reader.IsDBNull(column) ? null : reader.GetString(column))]);
        }

        return rows;
    }
}
