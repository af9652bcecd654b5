using System.Runtime.ExceptionServices;

namespace ClipTrain.Torch.Collectives;

/// <summary>
/// A collective under way. Its tensors must not be touched until it was waited for. When waiting threw, the collective may
/// still be under way and write to them until its group's time-out has passed: the group keeps their memory until then, but
/// what it holds is no longer the caller's. To go on, take other tensors.
/// </summary>
public sealed class Work
{
    private readonly ManualResetEventSlim _done = new();
    private readonly string _what;
    private readonly TimeSpan _timeout;
    private Action? _finish;
    private Exception? _error;

    /// <param name="what">For messages.</param>
    /// <param name="timeout">What waiting takes at most by default.</param>
    /// <param name="finish">Done on the waiting thread once the collective is over; null for nothing.</param>
    internal Work(string what, TimeSpan timeout, Action? finish) => (_what, _timeout, _finish) = (what, timeout, finish);

    /// <summary>Whether waiting would return, or throw, at once.</summary>
    public bool IsCompleted => _done.IsSet;

    /// <summary>Waits for the collective, at most the group's time-out.</summary>
    /// <param name="abort">Ends the wait early when it is cancelled.</param>
    /// <exception cref="DistributedException">
    /// It failed or took too long, or the wait was aborted (<see cref="DistributedException.Aborted"/>). The group is broken:
    /// abandon it and make a new one.
    /// </exception>
    public void Wait(CancellationToken abort = default) => Wait(_timeout, abort);

    /// <summary>Waits for the collective, at most <paramref name="timeout"/>. May be called again when that has passed.</summary>
    /// <inheritdoc cref="Wait(CancellationToken)"/>
    public void Wait(TimeSpan timeout, CancellationToken abort = default)
    {
        try
        {
            if (!_done.IsSet && !_done.Wait(timeout, abort))
                throw new DistributedException($"{_what}: timed out after {timeout.TotalSeconds:0.###} s");
        }
        catch (OperationCanceledException error)
        {
            throw new DistributedException($"{_what}: the wait was aborted", error) { Aborted = true };
        }

        if (_error is not null)
            ExceptionDispatchInfo.Throw(_error);
        Interlocked.Exchange(ref _finish, null)?.Invoke();
    }

    internal void Complete(Exception? error)
    {
        _error = error is null ? null : new DistributedException($"{_what}: {error.Message}", error);
        _done.Set();
    }
}
