namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// A file of lines that only grows. A line counts when its end is on disk: one that a crash or a full disk has cut short is
/// removed before the next is written.
/// </summary>
internal sealed class AppendOnlyFile : IDisposable
{
    private const byte LineEnd = (byte)'\n';
    private readonly FileStream _file;

    private AppendOnlyFile(FileStream file) => _file = file;

    /// <summary>Bytes of all whole lines.</summary>
    public long Length { get; private set; }

    /// <summary>Opens the file, or makes it, and removes a last line without an end.</summary>
    public static AppendOnlyFile Open(string path)
    {
        var isNew = !File.Exists(path);

        // Without a buffer: what a full disk refuses fails where it is written, and not again where the file is closed.
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

    /// <summary>Appends whole lines; they are on disk when this returns, and none of them is when it throws.</summary>
    public void Append(ReadOnlySpan<byte> lines)
    {
        CutBack();
        _file.Position = Length;
        _file.Write(lines);
        _file.Flush(flushToDisk: true);
        Length += lines.Length;
    }

    /// <summary>Forgets what comes after the first bytes.</summary>
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
