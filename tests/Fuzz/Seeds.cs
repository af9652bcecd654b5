using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Selection;
using DuckDB.NET.Data;

namespace ClipTrain.Fuzz;

/// <summary>The intact files to damage: images in every format, and Parquet files from two writers.</summary>
internal sealed class Seeds
{
    /// <summary>Interval of Parquet files among the mutations.</summary>
    private const int ParquetEvery = 5;

    private readonly ulong _seed;
    private readonly byte[][] _images,
        _parquet;

    public Seeds(ulong seed, string folder)
    {
        _seed = seed;
        _images =
        [
            .. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "seeds")).Order(StringComparer.Ordinal).Select(File.ReadAllBytes),
        ];
        var path = Path.Combine(folder, "seed.parquet");
        using (var writer = new CorpusWriter(path, rowGroupRows: 4))
        {
            for (var i = 0; i < 10; i++)
            {
                writer.Add(_images[i % _images.Length], $"caption {i}");
            }

            writer.Complete();
        }

        _parquet = [File.ReadAllBytes(path), .. new[] { "snappy", "zstd" }.Select(codec => Rewritten(path, codec))];
    }

    /// <summary>Damaged file number i.</summary>
    public (byte[] Bytes, bool IsParquet) Mutated(long i)
    {
        var random = new CounterRandom(_seed, 0, (ulong)i);
        var isParquet = i % ParquetEvery == 0;
        var files = isParquet ? _parquet : _images;
        var file = files[random.NextInt64(files.Length)];
        return (Mutation.Of(file, files[random.NextInt64(files.Length)], ref random), isParquet);
    }

    private static byte[] Rewritten(string path, string codec)
    {
        var copy = $"{path}.{codec}";
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"COPY (SELECT * FROM {Sql.Literal(path)}) TO {Sql.Literal(copy)} (FORMAT parquet, COMPRESSION {codec})";
        command.ExecuteNonQuery();
        return File.ReadAllBytes(copy);
    }
}
