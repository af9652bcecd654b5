using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>The pending orders of every node, by node id. One activation uses it, on its own scheduler.</summary>
internal sealed class NodeOrderQueues
{
    private readonly Dictionary<string, NodeOrderQueue> _queues = new(StringComparer.Ordinal);

    /// <summary>The queue of a node; an empty one if it has none yet.</summary>
    public NodeOrderQueue Of(string nodeId)
    {
        if (!_queues.TryGetValue(nodeId, out var queue))
        {
            _queues.Add(nodeId, queue = new NodeOrderQueue());
        }

        return queue;
    }

    /// <summary>Drops the orders of a node that is gone.</summary>
    public void Forget(string nodeId)
    {
        if (_queues.Remove(nodeId, out var queue))
        {
            queue.Wake();
        }
    }

    /// <summary>Wakes every call that waits for orders.</summary>
    public void WakeAll()
    {
        foreach (var queue in _queues.Values)
        {
            queue.Wake();
        }
    }
}

/// <summary>The orders that a node has not carried out yet. Delivered at least once; the node carries out each one once.</summary>
internal sealed class NodeOrderQueue
{
    private readonly List<NodeOrder> _orders = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _last;

    /// <summary>Completes when the queue changes after this property was read.</summary>
    public Task News => _news.Task;

    public IReadOnlyList<NodeOrder> Pending => [.. _orders];

    public void Add(NodeAction action, string workerId, int start = 0)
    {
        _orders.Add(new NodeOrder(++_last, action, workerId, start));
        Wake();
    }

    /// <summary>Removes the orders up to this number, which the node has carried out.</summary>
    public void Complete(long upTo) => _orders.RemoveAll(order => order.Number <= upTo);

    /// <summary>Makes waiting calls look again.</summary>
    public void Wake()
    {
        _news.SetResult();
        _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
