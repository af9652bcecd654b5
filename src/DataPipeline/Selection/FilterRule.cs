using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.Parquet;
using DuckDB.NET.Data;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps the rows that satisfy a SQL condition over the columns present in all files, except the image. DuckDB skips row groups whose
/// statistics rule the condition out. No other file can be opened.
/// </summary>
/// <param name="Name">Description of the rule in reports.</param>
/// <param name="Condition">The condition.</param>
/// <param name="Key">Option named in errors.</param>
internal sealed record FilterRule(string Name, string Condition, string Key) : ISelectionRule
{
    private const string Row = "cliptrain row",
        FileRow = "file_row_number";

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        if (SqlCondition.ErrorIn(Condition) is { } error)
        {
            throw new CorpusException($"{Key} '{Condition}' {error}");
        }

        string[][] names =
        [
            .. manifest.Files.Select(file => ParquetInspector.Describe(file.Path).Fields.Select(field => field.Name).ToArray()),
        ];
        CorpusColumn[] all = [.. manifest.Columns.Where(c => c.Name != manifest.Image.Name)];
        // SQL names ignore case, so some columns are ambiguous.
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
                {
                    rows.Remove(next);
                }

                next = row + 1;
            }
        }
        catch (DuckDBException e)
        {
            throw new CorpusException($"{Key} '{Condition}' fails on {file.Path}: {e.Message}", e);
        }

        for (; next < firstRow + file.Rows; next++)
        {
            rows.Remove(next);
        }
    }

    /// <summary>Checks the condition before any file is scanned.</summary>
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
                {
                    throw new CorpusException($"{Key} '{Condition}' has type {type}, not BOOLEAN; write a comparison, as in width > 200");
                }
            }
        }
        catch (DuckDBException e)
        {
            throw new CorpusException(
                $"{Key} '{Condition}' cannot be used: {e.Message} The columns are {ColumnResolver.List(columns)}"
                    + (
                        hidden.Length == 0
                            ? ""
                            : $". SQL ignores case and cannot distinguish {ColumnResolver.List(hidden)} from other columns; rename them "
                                + "to use them"
                    ),
                e
            );
        }
    }

    /// <summary>
    /// The columns with the row number, which DuckDB provides under a name that a column may already have. In that case rows are counted
    /// as they come, which on one thread is file order.
    /// </summary>
    private static string Table(string path, string[] inFile, CorpusColumn[] columns)
    {
        var number = inFile.Contains(FileRow, StringComparer.OrdinalIgnoreCase) ? "row_number() OVER () - 1" : FileRow;
        string[] selected = [$"{number} AS {Sql.Identifier(Row)}", .. columns.Select(c => Sql.Identifier(c.Name))];
        return $"(SELECT {string.Join(", ", selected)} FROM {Sql.ReadParquet(path)})";
    }
}

/// <summary>img2dataset's download status: it writes a row for each URL, without an image where the download failed.</summary>
internal static class DownloadStatus
{
    private const string Status = "status";

    /// <summary>The rule that excludes failed downloads; null for a corpus that img2dataset did not write.</summary>
    public static FilterRule? Of(CorpusManifest manifest) =>
        manifest.Columns.Any(c => c is { Name: Status, Type: "VARCHAR" }) && manifest.Columns.Any(c => c.Name == "error_message")
            ? new FilterRule("downloaded", $"{Status} = 'success'", Status)
            : null;
}
