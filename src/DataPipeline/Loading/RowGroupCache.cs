using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Row groups in memory as they were read, the least recently used dropped first. It holds as many as a shuffle window
/// and the one after it have, so that a window is read once. Used by one thread at a time.
/// </summary>
internal sealed class RowGroupCache(CorpusReader reader, int capacity) : IDisposable
{
    private readonly Dictionary<int, LinkedListNode<(int Group, RowGroupData Data)>> _nodes = [];
    private readonly LinkedList<(int Group, RowGroupData Data)> _byUse = [];

    public RowGroupData Get(int group)
    {
        if (_nodes.TryGetValue(group, out var node))
        {
            _byUse.Remove(node);
        }
        else
        {
            if (_nodes.Count == capacity)
            {
                var oldest = _byUse.Last!;
                _byUse.RemoveLast();
                _nodes.Remove(oldest.Value.Group);
                oldest.Value.Data.Dispose();
            }

            node = new LinkedListNode<(int, RowGroupData)>((group, reader.Read(group)));
            _nodes.Add(group, node);
        }

        _byUse.AddFirst(node);
        return node.Value.Data;
    }

    public void Dispose()
    {
        foreach (var (_, data) in _byUse)
            data.Dispose();
        reader.Dispose();
    }
}
