using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>What a Parquet file's metadata says of it.</summary>
/// <param name="File">Size and row groups.</param>
/// <param name="Columns">Its columns, in order.</param>
/// <param name="Footer">The metadata's bytes.</param>
internal sealed record ParquetDescription(CorpusFile File, IReadOnlyList<CorpusColumn> Columns, byte[] Footer);

/// <summary>Reads the metadata of Parquet files.</summary>
internal static class ParquetInspector
{
    /// <exception cref="CorpusException">The file cannot be read as Parquet.</exception>
    public static ParquetDescription Describe(DuckDbConnection connection, string path)
    {
        try
        {
            var footer = ParquetFooter.Read(path);
            var columns = Columns(connection, path);
            var rowGroups = RowGroups(connection, path);
            var file = new CorpusFile(path, new FileInfo(path).Length, rowGroups.Sum(rows => (long)rows), rowGroups);
            return new ParquetDescription(file, columns, footer);
        }
        catch (DuckDbException e)
        {
            throw new CorpusException($"{path} cannot be read as Parquet; copy or download it again, or leave it out ({e.Message})", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{path} cannot be read: {e.Message}", e);
        }
    }

    private static List<CorpusColumn> Columns(DuckDbConnection connection, string path)
    {
        var columns = new List<CorpusColumn>();
        using var result = connection.Query($"DESCRIBE SELECT * FROM {Sql.ReadParquet(path)}");
        while (result.NextChunk())
        {
            for (var row = 0; row < result.Rows; row++)
                columns.Add(new CorpusColumn(result.Text(0, row)!, result.Text(1, row)!));
        }

        return columns;
    }

    private static List<int> RowGroups(DuckDbConnection connection, string path)
    {
        var rowGroups = new List<int>();
        using var result = connection.Query(
            "SELECT any_value(row_group_num_rows) FROM parquet_metadata(?) GROUP BY row_group_id ORDER BY row_group_id", Sql.EscapePattern(path));
        while (result.NextChunk())
        {
            for (var row = 0; row < result.Rows; row++)
                rowGroups.Add(checked((int)result.Int64(0, row)));
        }

        return rowGroups;
    }
}
