using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Reads the samples of a corpus. Not thread-safe: each thread that reads opens its own.</summary>
public sealed class CorpusReader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly BlockPool _pool = new();
    private readonly DuckDbConnection _connection;
    private readonly string _label;
    private readonly bool[] _checked;

    /// <param name="manifest">The corpus.</param>
    /// <param name="labelColumn">A column to read as label, or null.</param>
    /// <exception cref="CorpusException">The corpus has no such label column.</exception>
    public CorpusReader(CorpusManifest manifest, string? labelColumn = null)
    {
        _manifest = manifest;
        _checked = new bool[manifest.Files.Count];
        var label = labelColumn is null ? null : ColumnResolver.Text(manifest.Columns, labelColumn, manifest.Files[0].Path);
        _label = label?.Expression ?? "NULL::VARCHAR";
        _connection = new DuckDbConnection();
    }

    /// <summary>Reads one group of rows, those that are not selected too; the caller disposes it.</summary>
    /// <param name="groupIndex">Index into <see cref="CorpusManifest.GroupRows"/>.</param>
    /// <exception cref="CorpusException">The file is damaged, or is not what it was when the manifest was made.</exception>
    public RowGroup Read(int groupIndex) => Read(groupIndex, wanted: default);

    /// <summary>Reads a range of samples in order.</summary>
    /// <exception cref="CorpusException">A file is damaged, or is not what it was when the manifest was made.</exception>
    public IEnumerable<Sample> ReadRows(long start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, _manifest.SampleCount - count);
        return Samples(start, start + count);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _pool.Dispose();
    }

    /// <summary>Reads one group of rows, keeping only those that are wanted; an empty mask wants all.</summary>
    internal RowGroup Read(int groupIndex, ReadOnlySpan<bool> wanted)
    {
        var group = _manifest.Groups[groupIndex];
        var file = _manifest.Files[group.File];
        var rows = new RowGroup(_pool, group.Rows);
        try
        {
            CheckUnchanged(group.File);
            var read = Fill(rows, file.Path, group, wanted);
            if (read != group.Rows)
                throw Changed(file.Path, $"rows {group.FirstRow} to {group.FirstRow + group.Rows - 1} gave {read} rows");
            return rows;
        }
        catch (DuckDbException e)
        {
            rows.Dispose();
            throw new CorpusException(
                $"{file.Path}, rows {group.FirstRow} to {group.FirstRow + group.Rows - 1}: cannot be read; copy or download the file again, or leave it out ({e.Message})", e);
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    private int Fill(RowGroup rows, string path, ReadGroup group, ReadOnlySpan<bool> wanted)
    {
        var read = 0;
        var part = _manifest.PartOf(group.File);
        using var result = _connection.Query(
            $"SELECT {Columns(part)} FROM {Sql.ReadParquet(path)} WHERE file_row_number BETWEEN ? AND ?",
            group.FirstRow, group.FirstRow + group.Rows - 1);
        while (result.NextChunk())
        {
            for (var i = 0; i < result.Rows; i++, read++)
            {
                var row = (int)(result.Int64(0, i) - group.FirstRow);
                if (wanted.IsEmpty || wanted[row])
                    rows.Set(row, result.IsNull(1, i) ? default : result.Bytes(1, i), result.Text(2, i), Choices(part, result, i), result.Text(3, i));
            }
        }

        return read;
    }

    private string Columns(CorpusPart part) => string.Join(
        ", ", ["file_row_number", part.Image.Expression, part.Caption?.Expression ?? "NULL::VARCHAR", _label, .. part.CaptionChoices.Select(c => c.Expression)]);

    private static string?[][]? Choices(CorpusPart part, DuckDbResult result, int row) =>
        part.CaptionChoices.Count == 0 ? null : [.. part.CaptionChoices.Select((_, i) => result.Texts(4 + i, row))];

    private IEnumerable<Sample> Samples(long start, long end)
    {
        for (var index = start; index < end;)
        {
            var number = _manifest.GroupOf(index);
            using var group = Read(number);
            for (; index < end && _manifest.Place(index) is var place && place.Group == number; index++)
                yield return new Sample(index, group.Image(place.Row).ToArray(), group.Caption(place.Row), group.Label(place.Row));
        }
    }

    private void CheckUnchanged(int fileIndex)
    {
        if (_checked[fileIndex])
            return;
        var file = _manifest.Files[fileIndex];
        var info = new FileInfo(file.Path);
        if (!info.Exists)
            throw new CorpusException($"{file.Path} is gone since the run began; put it back");
        if (info.Length != file.Bytes)
            throw Changed(file.Path, $"it has {info.Length} bytes, not {file.Bytes}");
        _checked[fileIndex] = true;
    }

    private static CorpusException Changed(string path, string how) =>
        new($"{path} is not the file that the manifest describes ({how}); put the original back or start a new run");
}
