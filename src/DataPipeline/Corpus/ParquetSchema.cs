using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>A column and its type, as DuckDB writes it: "BLOB", "VARCHAR[]", "STRUCT(bytes BLOB, path VARCHAR)".</summary>
internal readonly record struct ParquetColumn(string Name, string Type)
{
    public override string ToString() => $"{Name} {Type}";
}

/// <summary>What DuckDB finds in the footer of one file.</summary>
internal static class ParquetSchema
{
    /// <exception cref="CorpusException">The footer is damaged.</exception>
    public static IReadOnlyList<ParquetColumn> Columns(Connection connection, string path)
    {
        var columns = new List<ParquetColumn>();
        Read(connection, path, $"select column_name, column_type from (describe select * from {Table(path)})", query =>
        {
            var (names, types) = (query.Column(0), query.Column(1));
            for (var i = 0; i < query.Count; i++)
            {
                columns.Add(new ParquetColumn(names.Text(i)!, types.Text(i)!));
            }
        });
        return columns;
    }

    /// <summary>Rows of each row group, in file order.</summary>
    /// <exception cref="CorpusException">The footer is damaged.</exception>
    public static IReadOnlyList<int> RowGroupRows(Connection connection, string path)
    {
        var rows = new List<int>();
        var sql = $"select max(row_group_num_rows) from parquet_metadata({Sql.PathLiteral(path)}) group by row_group_id order by row_group_id";
        Read(connection, path, sql, query =>
        {
            var counts = query.Column(0);
            for (var i = 0; i < query.Count; i++)
            {
                rows.Add(checked((int)counts.Int64(i)));
            }
        });
        return rows;
    }

    /// <summary>A file as the table of a FROM clause. Its folders' names (key=value) are no columns.</summary>
    public static string Table(string path) => $"read_parquet({Sql.PathLiteral(path)}, hive_partitioning = false)";

    private static void Read(Connection connection, string path, string sql, Action<StreamingQuery> chunk)
    {
        try
        {
            using var query = connection.Query(sql);
            while (query.NextChunk())
            {
                chunk(query);
            }
        }
        catch (DuckDbException e)
        {
            throw new CorpusException($"{path}: damaged Parquet; download or write it again ({e.Message})", e);
        }
    }
}
