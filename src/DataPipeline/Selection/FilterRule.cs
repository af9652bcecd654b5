using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.Parquet;
using DuckDB.NET.Data;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps the rows for which a SQL condition holds. It sees every column that all files have, but the image; DuckDB skips
/// row groups whose statistics rule it out. It runs where no other file can be opened.
/// </summary>
/// <param name="Name">The rule in reports.</param>
/// <param name="Condition">The condition.</param>
/// <param name="Key">What to name in errors.</param>
internal sealed record FilterRule(string Name, string Condition, string Key) : ISelectionRule
{
    private const string Row = "cliptrain row",
        FileRow = "file_row_number";

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        if (SqlCondition.ErrorIn(Condition) is { } error)
            throw new CorpusException($"{Key} '{Condition}' {error}");
        string[][] names =
        [
            .. manifest.Files.Select(file => ParquetInspector.Describe(file.Path).Fields.Select(field => field.Name).ToArray()),
        ];
        CorpusColumn[] all = [.. manifest.Columns.Where(c => c.Name != manifest.Image.Name)];
        // SQL's names have no case, so that it cannot tell some columns apart.
        CorpusColumn[] columns =
        [
            .. all.Where(c =>
                Array.TrueForAll(names, file => file.Count(name => name.Equals(c.Name, StringComparison.OrdinalIgnoreCase)) == 1)
            ),
        ];
        using var session = new SqlSession(manifest.Files.Select(f => f.Path));
        RequireCondition(session, Table(manifest.Files[0].Path, names[0], columns), columns, [.. all.Except(columns)]);
        long firstRow = 0;
        foreach (var (file, inFile) in manifest.Files.Zip(names))
        {
            Keep(session, Table(file.Path, inFile, columns), file, firstRow, rows);
            firstRow += file.Rows;
        }
    }

    private void Keep(SqlSession session, string table, CorpusFile file, long firstRow, RowMask rows)
    {
        var next = firstRow;
        try
        {
            foreach (var kept in session.Rows($"SELECT {Sql.Identifier(Row)} FROM {table} WHERE ({Condition})"))
            {
                var row = firstRow + kept.GetInt64(0);
                for (; next < row; next++)
                    rows.Remove(next);
                next = row + 1;
            }
        }
        catch (DuckDBException e)
        {
            throw new CorpusException($"{Key} '{Condition}' fails on {file.Path}: {e.Message}", e);
        }

        for (; next < firstRow + file.Rows; next++)
            rows.Remove(next);
    }

    /// <summary>Reads nothing: says what is wrong with the condition before a file is scanned.</summary>
    private void RequireCondition(SqlSession session, string table, CorpusColumn[] columns, CorpusColumn[] hidden)
    {
        try
        {
            foreach (
                var type in session
                    .Rows($"SELECT typeof(({Condition})) FROM (SELECT * FROM {table} LIMIT 1)")
                    .Select(row => row.GetString(0))
            )
            {
                if (type != "BOOLEAN")
                    throw new CorpusException($"{Key} '{Condition}' is a {type}, not a condition; compare it with something");
            }
        }
        catch (DuckDBException e)
        {
            throw new CorpusException(
                $"{Key} '{Condition}' cannot be used: {e.Message} The columns are {ColumnResolver.List(columns)}"
                    + (hidden.Length == 0 ? "" : $". SQL does not tell {ColumnResolver.List(hidden)} from others; rename them to use them"),
                e
            );
        }
    }

    /// <summary>
    /// The columns with the number of the row, which DuckDB gives under a name that a column may have itself: then rows are counted as
    /// they come, which on one thread is in their order.
    /// </summary>
    private static string Table(string path, string[] inFile, CorpusColumn[] columns)
    {
        var number = inFile.Contains(FileRow, StringComparer.OrdinalIgnoreCase) ? "row_number() OVER () - 1" : FileRow;
        return $"(SELECT {string.Join(", ", [$"{number} AS {Sql.Identifier(Row)}", .. columns.Select(c => Sql.Identifier(c.Name))])} FROM {Sql.ReadParquet(path)})";
    }
}
