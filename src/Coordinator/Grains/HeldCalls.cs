using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Calls of workers that wait for a later turn. One activation uses it, on its own scheduler.</summary>
internal sealed class HeldCalls(TimeProvider time)
{
    /// <summary>Maximum time to hold a call before the worker asks again, so that neither side waits on a dead connection.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private readonly Dictionary<(string WorkerId, HeldCall Call), TaskCompletionSource<RunReply>> _pending = [];

    /// <summary>The answer, or Held if there is none within the limit. Repeated calls share one answer.</summary>
    public async Task<RunReply> WaitAsync(string workerId, HeldCall call)
    {
        if (!_pending.TryGetValue((workerId, call), out var pending))
        {
            pending = new TaskCompletionSource<RunReply>(TaskCreationOptions.RunContinuationsAsynchronously);
            _pending.Add((workerId, call), pending);
        }

        try
        {
            return await pending.Task.WaitAsync(Limit, time);
        }
        catch (TimeoutException)
        {
            return new RunReply.Held();
        }
    }

    /// <summary>Answers a held call. If none is pending, the worker will ask again.</summary>
    public void Answer(string workerId, HeldCall call, RunReply reply)
    {
        if (_pending.Remove((workerId, call), out var pending))
        {
            pending.SetResult(reply);
        }
    }

    /// <summary>Answers all calls with Held when the activation ends: the workers ask the next one.</summary>
    public void Release()
    {
        foreach (var pending in _pending.Values)
        {
            pending.SetResult(new RunReply.Held());
        }

        _pending.Clear();
    }
}
