using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Reads a corpus, in the thread that asks. One a thread.</summary>
public sealed class CorpusReader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly HashSet<string> _checked = new(StringComparer.Ordinal);
    private readonly Database _database;
    private readonly Connection _connection;

    /// <exception cref="CorpusException">DuckDB's library is missing.</exception>
    public CorpusReader(CorpusManifest manifest)
    {
        _manifest = manifest;
        _database = new Database();
        _connection = _database.Connect();
    }

    /// <summary>Reads a whole row group.</summary>
    /// <param name="rowGroup">Its place in <see cref="CorpusManifest.RowGroupRows"/>.</param>
    /// <exception cref="CorpusException">The file is gone, changed or damaged.</exception>
    public RowGroupData Read(int rowGroup)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rowGroup);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rowGroup, _manifest.RowGroupRows.Count);
        var file = _manifest.FileOf(rowGroup, out var firstRow);
        RequireUnchanged(file);
        var rows = _manifest.RowGroupRows[rowGroup];
        // Images hardly compress, so the file's own size foretells the buffer's.
        var data = new RowGroupData(_manifest.RowGroupStarts[rowGroup], rows, (long)((double)file.Bytes * rows / file.Rows * 1.1));
        try
        {
            Fill(data, file, firstRow, rows);
            return data;
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A column of the whole corpus as text, in the order of samples; of the caption column what <see cref="RowGroupData.Caption"/>
    /// gives. Streams: little is held at a time. Enumerate it to its end or dispose it before reading anything else.
    /// </summary>
    /// <exception cref="CorpusException">There is no such column, or a file is gone, changed or damaged.</exception>
    public IEnumerable<string?> ReadColumn(string name)
    {
        var column = _manifest.Column(name);
        var expression = string.Equals(column.Name, _manifest.CaptionColumn, StringComparison.Ordinal)
            ? _manifest.CaptionExpression
            : $"cast({Sql.Identifier(column.Name)} as varchar)";
        return _manifest.Files.SelectMany(file => ReadColumn(file, expression));
    }

    public void Dispose()
    {
        _connection.Dispose();
        _database.Dispose();
    }

    private static CorpusException Damaged(CorpusFile file, string problem, Exception? inner = null) =>
        new($"{file.Path}: {problem}; download or write it again, then make a new manifest", inner!);

    private void Fill(RowGroupData data, CorpusFile file, long firstRow, int rows)
    {
        using var query = Query(file, $"""
            select {_manifest.ImageExpression}, {_manifest.CaptionExpression} from {ParquetSchema.Table(file.Path)}
            where file_row_number between {firstRow} and {firstRow + rows - 1}
            """);
        while (NextChunk(query, file))
        {
            if (data.Count + query.Count > rows)
            {
                throw Damaged(file, $"more rows from row {firstRow} on than the {rows} of its row group");
            }

            var (images, captions) = (query.Column(0), query.Column(1));
            for (var i = 0; i < query.Count; i++)
            {
                var captionIsNull = captions.IsNull(i);
                data.Add(images.IsNull(i) ? [] : images.Bytes(i), captionIsNull, captionIsNull ? [] : captions.Bytes(i));
            }
        }

        if (data.Count < rows)
        {
            throw Damaged(file, $"{data.Count} rows from row {firstRow} on in place of the {rows} of its row group");
        }
    }

    private IEnumerable<string?> ReadColumn(CorpusFile file, string expression)
    {
        RequireUnchanged(file);
        using var query = Query(file, $"select {expression} from {ParquetSchema.Table(file.Path)}");
        while (NextChunk(query, file))
        {
            var values = query.Column(0);
            for (var i = 0; i < query.Count; i++)
            {
                yield return values.Text(i);
            }
        }
    }

    private StreamingQuery Query(CorpusFile file, string sql)
    {
        try
        {
            return _connection.Query(sql);
        }
        catch (DuckDbException e)
        {
            throw Damaged(file, $"cannot be read ({e.Message})", e);
        }
    }

    private static bool NextChunk(StreamingQuery query, CorpusFile file)
    {
        try
        {
            return query.NextChunk();
        }
        catch (DuckDbException e)
        {
            throw Damaged(file, $"damaged Parquet ({e.Message})", e);
        }
    }

    private void RequireUnchanged(CorpusFile file)
    {
        if (_checked.Contains(file.Path))
        {
            return;
        }

        var info = new FileInfo(file.Path);
        if (!info.Exists)
        {
            throw new CorpusException($"{file.Path}: no such file; the corpus must lie where its manifest found it");
        }

        if (info.Length != file.Bytes || !string.Equals(ParquetFooter.Sha256(file.Path), file.FooterSha256, StringComparison.Ordinal))
        {
            throw new CorpusException($"{file.Path}: changed since the corpus manifest was made; restore it, or start anew with a new manifest");
        }

        _checked.Add(file.Path);
    }
}
