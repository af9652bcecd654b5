using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.DuckDb;

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
    private const string Row = "cliptrain row";

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        if (SqlCondition.ErrorIn(Condition) is { } error)
            throw new CorpusException($"{Key} '{Condition}' {error}");
        using var connection = new DuckDbConnection();
        connection.OpenOnly(manifest.Files.Select(f => f.Path));
        RequireCondition(connection, manifest);
        long firstRow = 0;
        foreach (var file in manifest.Files)
        {
            Keep(connection, manifest, file, firstRow, rows);
            firstRow += file.Rows;
        }
    }

    private void Keep(DuckDbConnection connection, CorpusManifest manifest, CorpusFile file, long firstRow, RowMask rows)
    {
        var next = firstRow;
        try
        {
            using var result = connection.Query($"SELECT {Sql.Identifier(Row)} FROM {Table(manifest, file)} WHERE {InParentheses}");
            while (result.NextChunk())
            {
                for (var i = 0; i < result.Rows; i++)
                {
                    var row = firstRow + result.Int64(0, i);
                    for (; next < row; next++)
                        rows.Remove(next);
                    next = row + 1;
                }
            }
        }
        catch (DuckDbException e)
        {
            throw new CorpusException($"{Key} '{Condition}' fails on {file.Path}: {e.Message}", e);
        }

        for (; next < firstRow + file.Rows; next++)
            rows.Remove(next);
    }

    /// <summary>Reads nothing: says what is wrong with the condition before a file is scanned.</summary>
    private void RequireCondition(DuckDbConnection connection, CorpusManifest manifest)
    {
        try
        {
            using var result = connection.Query($"SELECT typeof({InParentheses}) FROM (SELECT * FROM {Table(manifest, manifest.Files[0])} LIMIT 1)");
            if (result.NextChunk() && result.Text(0, 0) is { } type and not "BOOLEAN")
                throw new CorpusException($"{Key} '{Condition}' is a {type}, not a condition; compare it with something");
        }
        catch (DuckDbException e)
        {
            throw new CorpusException($"{Key} '{Condition}' cannot be used: {e.Message} The columns are {ColumnResolver.List([.. Columns(manifest)])}", e);
        }
    }

    private string InParentheses => $"({Condition})";

    private static string Table(CorpusManifest manifest, CorpusFile file) =>
        $"(SELECT {string.Join(", ", [$"file_row_number AS {Sql.Identifier(Row)}", .. Columns(manifest).Select(c => Sql.Identifier(c.Name))])} FROM {Sql.ReadParquet(file.Path)})";

    private static IEnumerable<CorpusColumn> Columns(CorpusManifest manifest) => manifest.Columns.Where(c => c.Name != manifest.Image.Name);
}
