namespace ClipTrain.Monitoring.Series;

/// <summary>A text file that another process appends to or replaces.</summary>
public sealed class TailedFile(string path)
{
    /// <summary>Number of last bytes that identify the file.</summary>
    private const int MarkLength = 256;

    private byte[] _mark = [];
    private long _end;

    /// <summary>Reads new complete lines.</summary>
    /// <param name="onReplaced">Called before the first line if the file was replaced.</param>
    /// <param name="onLine">Receives each line without its line break, and its offset.</param>
    /// <returns>True if there was a new line.</returns>
    public bool Read(Action onReplaced, Action<ReadOnlyMemory<byte>, long> onLine)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (!IsSame(stream))
            {
                (_end, _mark) = (0, []);
                onReplaced();
            }

            var start = _end;
            stream.Position = start;
            foreach (var (line, end) in Lines(stream, start))
            {
                onLine(line, end - line.Length - 1);
                _end = end;
            }

            if (_end > start)
            {
                Mark(stream);
            }

            return _end > start;
        }
        catch (IOException)
        {
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Reads lines from an offset until the function returns false.</summary>
    /// <exception cref="IOException">The file is gone or was replaced.</exception>
    public void ReadAgain(long offset, Func<ReadOnlyMemory<byte>, long, bool> onLine)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (!IsSame(stream))
        {
            throw new IOException($"{path} was replaced.");
        }

        stream.Position = offset;
        foreach (var (line, end) in Lines(stream, offset))
        {
            if (end > _end || !onLine(line, end - line.Length - 1))
            {
                return;
            }
        }
    }

    private bool IsSame(FileStream stream)
    {
        if (stream.Length < _end)
        {
            return false;
        }

        var now = new byte[_mark.Length];
        stream.Position = _end - now.Length;
        stream.ReadExactly(now);
        return now.AsSpan().SequenceEqual(_mark);
    }

    private void Mark(FileStream stream)
    {
        _mark = new byte[Math.Min(MarkLength, _end)];
        stream.Position = _end - _mark.Length;
        stream.ReadExactly(_mark);
    }

    private static IEnumerable<(ReadOnlyMemory<byte> Line, long End)> Lines(FileStream stream, long start)
    {
        foreach (var (line, end) in Coordinator.Storage.LineReader.Read(stream))
        {
            yield return (line, start + end);
        }
    }
}
