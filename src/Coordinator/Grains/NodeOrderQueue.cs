using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>The orders of one node that it has not carried out yet. Delivered at least once; a node carries each out once.</summary>
internal sealed class NodeOrderQueue
{
    private readonly List<NodeOrder> _orders = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _last;

    /// <summary>Completes when the queue has changed since this property was read.</summary>
    public Task News => _news.Task;

    public IReadOnlyList<NodeOrder> Pending => [.. _orders];

    public void Add(NodeAction action, string workerId, int start = 0)
    {
        _orders.Add(new NodeOrder(++_last, action, workerId, start));
        Wake();
    }

    public void CarriedOut(long upTo) => _orders.RemoveAll(order => order.Number <= upTo);

    /// <summary>Lets whoever waits for orders look again.</summary>
    public void Wake()
    {
        _news.SetResult();
        _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
