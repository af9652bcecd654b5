namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// A file to which lines are appended. A line without its line break, cut short by a crash or a full disk, is removed before the next
/// one is written.
/// </summary>
internal sealed class AppendOnlyFile : IDisposable
{
    private const byte LineEnd = (byte)'\n';
    private readonly FileStream _file;

    private AppendOnlyFile(FileStream file) => _file = file;

    /// <summary>Size of all complete lines, in bytes.</summary>
    public long Length { get; private set; }

    /// <summary>Opens or creates the file, and removes an incomplete last line.</summary>
    public static AppendOnlyFile Open(string path)
    {
        var isNew = !File.Exists(path);

        // Unbuffered, so that a full disk fails the write and not the close.
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            if (isNew)
            {
                DirectorySync.Sync(Path.GetDirectoryName(Path.GetFullPath(path))!);
            }

            var opened = new AppendOnlyFile(file) { Length = EndOfLines(file) };
            opened.CutBack();
            return opened;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Appends complete lines. All are on disk when this returns; none is if it throws.</summary>
    public void Append(ReadOnlySpan<byte> lines)
    {
        CutBack();
        _file.Position = Length;
        _file.Write(lines);
        _file.Flush(flushToDisk: true);
        Length += lines.Length;
    }

    /// <summary>Truncates the file.</summary>
    public void Truncate(long length)
    {
        Length = length;
        CutBack();
    }

    public void Dispose() => _file.Dispose();

    private void CutBack()
    {
        if (_file.Length > Length)
        {
            _file.SetLength(Length);
            _file.Flush(flushToDisk: true);
        }
    }

    private static long EndOfLines(FileStream file)
    {
        var block = new byte[4096];
        for (var end = file.Length; end > 0; end -= Math.Min(end, block.Length))
        {
            var start = Math.Max(0, end - block.Length);
            var part = block.AsSpan(0, (int)(end - start));
            file.Position = start;
            file.ReadExactly(part);
            if (part.LastIndexOf(LineEnd) is >= 0 and var last)
            {
                return start + last + 1;
            }
        }

        return 0;
    }
}
