using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The native library that reads Parquet, for those who report on it.</summary>
public static class ParquetLibrary
{
    /// <summary>DuckDB's version, as it tells itself.</summary>
    /// <exception cref="DllNotFoundException">It is missing.</exception>
    public static string DuckDbVersion()
    {
        using var connection = new DuckDbConnection();
        using var row = connection.Query("SELECT version()");
        row.NextChunk();
        return row.Text(0, 0) ?? "";
    }
}
