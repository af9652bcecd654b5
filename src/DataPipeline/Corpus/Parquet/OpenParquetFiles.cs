namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>The files that were read last, kept open: opening one reads its whole footer.</summary>
internal sealed class OpenParquetFiles : IDisposable
{
    /// <summary>Fewer than a process may have open by far, as many as a shuffle window's row groups lie in, mostly.</summary>
    private const int MaxOpen = 64;

    private readonly LinkedList<(string Path, ParquetFile File)> _open = new();

    public ParquetFile Get(string path)
    {
        for (var node = _open.First; node is not null; node = node.Next)
        {
            if (node.Value.Path != path)
                continue;
            _open.Remove(node);
            _open.AddFirst(node);
            return node.Value.File;
        }

        var file = new ParquetFile(path);
        _open.AddFirst((path, file));
        if (_open.Count > MaxOpen)
        {
            _open.Last!.Value.File.Dispose();
            _open.RemoveLast();
        }

        return file;
    }

    public void Dispose()
    {
        foreach (var (_, file) in _open)
            file.Dispose();
        _open.Clear();
    }
}
