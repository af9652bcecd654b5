using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Heartbeats that arrive while a turn is in progress and share the next one.</summary>
internal sealed class HeartbeatBatch
{
    private readonly List<Heartbeat> _heartbeats = [];
    private readonly List<TaskCompletionSource<RunReply>> _replies = [];

    public IReadOnlyList<Heartbeat> Heartbeats => _heartbeats;

    /// <returns>The reply, which comes with <see cref="Answer"/> or <see cref="Fail"/>.</returns>
    public Task<RunReply> Add(Heartbeat heartbeat)
    {
        var reply = new TaskCompletionSource<RunReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        _heartbeats.Add(heartbeat);
        _replies.Add(reply);
        return reply.Task;
    }

    /// <param name="replies">One for each heartbeat, in order.</param>
    public void Answer(IEnumerable<RunReply> replies)
    {
        foreach (var (pending, reply) in _replies.Zip(replies))
        {
            pending.SetResult(reply);
        }
    }

    /// <summary>Passes the error to every sender that has no reply yet.</summary>
    public void Fail(Exception error) => _replies.ForEach(reply => reply.TrySetException(error));
}
