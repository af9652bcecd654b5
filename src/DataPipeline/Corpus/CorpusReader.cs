using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Reads the samples of a corpus. Not thread-safe: each reading thread opens its own.</summary>
public sealed class CorpusReader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly CorpusContent _content;
    private readonly string? _label;
    private readonly BlockPool _pool = new();
    private readonly OpenParquetFiles _files = new();
    private readonly bool[] _checked;

    /// <param name="manifest">The corpus.</param>
    /// <param name="labelColumn">A column to read as label, or null.</param>
    /// <exception cref="CorpusException">The corpus has no such label column.</exception>
    public CorpusReader(CorpusManifest manifest, string? labelColumn = null)
        : this(manifest, labelColumn, CorpusContent.Images | CorpusContent.Captions) { }

    /// <param name="manifest">The corpus.</param>
    /// <param name="labelColumn">A column to read as label, or null.</param>
    /// <param name="content">The columns to read; the others are empty.</param>
    internal CorpusReader(CorpusManifest manifest, string? labelColumn, CorpusContent content)
    {
        (_manifest, _label, _content) = (manifest, labelColumn, content);
        _checked = new bool[manifest.Files.Count];
        if (labelColumn is not null && !manifest.Columns.Any(c => c.Name.Equals(labelColumn, StringComparison.OrdinalIgnoreCase)))
        {
            throw NoLabel(manifest.Files[0].Path);
        }
    }

    /// <summary>Reads one group of rows, including rows that are not selected; the caller disposes it.</summary>
    /// <param name="index">Index into <see cref="CorpusManifest.RowGroupRows"/>.</param>
    /// <exception cref="CorpusException">The file is damaged, or has changed since the manifest was made.</exception>
    public RowGroup Read(int index) => Read(index, wanted: default);

    /// <summary>Reads a range of samples in order.</summary>
    /// <exception cref="CorpusException">A file is damaged, or has changed since the manifest was made.</exception>
    public IEnumerable<Sample> ReadRows(long start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, _manifest.SampleCount - count);
        return Samples(start, start + count);
    }

    public void Dispose()
    {
        _files.Dispose();
        _pool.Dispose();
    }

    /// <summary>Reads the wanted rows of one group; an empty mask means all.</summary>
    internal RowGroup Read(int index, ReadOnlySpan<bool> wanted)
    {
        var group = _manifest.RowGroups[index];
        var path = _manifest.Files[group.File].Path;
        var rows = new RowGroup(_pool, group.Rows);
        try
        {
            CheckUnchanged(group.File);
            Fill(rows, group, path, wanted.IsEmpty ? null : wanted.ToArray());
            return rows;
        }
        catch (Exception e)
        {
            rows.Dispose();
            if (ParquetFailure.Is(e))
            {
                throw ParquetFailure.At($"{path}, rows {group.FirstRow} to {group.FirstRow + group.Rows - 1}", e);
            }

            throw;
        }
    }

    private void Fill(RowGroup rows, ReadGroup group, string path, bool[]? wanted)
    {
        var file = _files.Get(path);
        if (group.RowGroup >= file.RowGroupCount || file.Rows(group.RowGroup) < group.Offset + group.Rows)
        {
            throw Changed(path, $"row group {group.RowGroup} is missing or has a different row count");
        }

        var columns = new RowGroupColumns(file, group, path, wanted);
        var part = _manifest.PartOf(group.File);
        if (_content.HasFlag(CorpusContent.Images))
        {
            columns.ReadImages(rows, part.Image);
        }

        if (_content.HasFlag(CorpusContent.Captions) && part.Caption is { } caption)
        {
            columns.ReadCaptions(rows, caption);
        }

        if (_content.HasFlag(CorpusContent.Captions) && part.CaptionChoices.Count > 0)
        {
            columns.ReadChoices(rows, part.CaptionChoices);
        }

        if (_label is not null)
        {
            columns.ReadLabels(rows, ColumnResolver.Find(file.Fields, _label, path) ?? throw NoLabel(path));
        }
    }

    private IEnumerable<Sample> Samples(long start, long end)
    {
        var index = start;
        while (index < end)
        {
            var number = _manifest.RowGroupOf(index);
            using var group = Read(number);
            for (; index < end && _manifest.RowOf(index) is var at && at.RowGroup == number; index++)
            {
                yield return new Sample(index, group.Image(at.Row).ToArray(), group.Caption(at.Row), group.Label(at.Row));
            }
        }
    }

    private void CheckUnchanged(int fileIndex)
    {
        if (_checked[fileIndex])
        {
            return;
        }

        var file = _manifest.Files[fileIndex];
        if (!File.Exists(file.Path))
        {
            throw new CorpusException($"{file.Path} has been removed since the run began; restore it");
        }

        if (FileLength.Of(file.Path) is var bytes && bytes != file.Bytes)
        {
            throw Changed(file.Path, $"it has {bytes} bytes, not {file.Bytes}");
        }

        _checked[fileIndex] = true;
    }

    private CorpusException NoLabel(string path) =>
        new($"{path} has no column {_label}; its columns: {ColumnResolver.List(_manifest.Columns)}");

    private static CorpusException Changed(string path, string how) =>
        new($"{path} differs from the manifest ({how}); restore the original file or start a new run");
}

/// <summary>Columns to read from a corpus.</summary>
[Flags]
internal enum CorpusContent
{
    None = 0,
    Images = 1,
    Captions = 2,
}

/// <summary>One row of a corpus.</summary>
/// <param name="Index">Its number in the corpus; <see cref="CorpusManifest.Locate"/> gives file and row.</param>
/// <param name="Image">The image file's bytes; empty where the corpus has none.</param>
/// <param name="Caption">The caption; null where the corpus has none.</param>
/// <param name="Label">The label; null where the corpus has none or no label column was named.</param>
public sealed record Sample(long Index, ReadOnlyMemory<byte> Image, string? Caption, string? Label);

/// <summary>A corpus that cannot be used. The message names the file and the remedy.</summary>
public sealed class CorpusException(string message, Exception? inner = null) : Exception(message, inner);
