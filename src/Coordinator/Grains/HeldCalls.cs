using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Calls of workers whose answer comes with a later turn. One activation uses it, on its own scheduler.</summary>
internal sealed class HeldCalls(TimeProvider time)
{
    /// <summary>A call is held this long and then asked again, so that neither side waits on a connection that is gone.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private readonly Dictionary<(string WorkerId, HeldCall Call), TaskCompletionSource<RunReply>> _pending = [];

    /// <summary>The answer, or Held when it is not known within the limit. The same call twice has the same answer.</summary>
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

    /// <summary>Nothing to do when none is pending: the worker asks again.</summary>
    public void Answer(string workerId, HeldCall call, RunReply reply)
    {
        if (_pending.Remove((workerId, call), out var pending))
        {
            pending.SetResult(reply);
        }
    }

    /// <summary>The activation ends: whoever waits asks the next one.</summary>
    public void Release()
    {
        foreach (var pending in _pending.Values)
        {
            pending.SetResult(new RunReply.Held());
        }

        _pending.Clear();
    }
}
