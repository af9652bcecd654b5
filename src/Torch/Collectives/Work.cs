using System.Runtime.ExceptionServices;

namespace ClipTrain.Torch.Collectives;

/// <summary>
/// A collective in progress. Do not use its tensors before waiting for it. If the wait throws, the collective may still write to them
/// until its group's timeout has passed; the group keeps their memory alive until then, but the content is undefined. To continue, use
/// other tensors.
/// </summary>
public sealed class Work
{
    private readonly ManualResetEventSlim _done = new();
    private readonly string _what;
    private readonly TimeSpan _timeout;
    private Exception? _error;

    /// <param name="what">Name of the collective, for messages.</param>
    /// <param name="timeout">Default limit of the wait.</param>
    internal Work(string what, TimeSpan timeout) => (_what, _timeout) = (what, timeout);

    /// <summary>True if a wait would return or throw immediately.</summary>
    public bool IsCompleted => _done.IsSet;

    /// <summary>Waits for the collective, for at most the group's timeout.</summary>
    /// <param name="abort">Aborts the wait.</param>
    /// <exception cref="DistributedException">
    /// The collective failed or timed out, or the wait was aborted (<see cref="DistributedException.Aborted"/>). The group is broken:
    /// abandon it and create a new one.
    /// </exception>
    /// <exception cref="GpuException">The GPU has failed.</exception>
    public void Wait(CancellationToken abort = default) => Wait(_timeout, abort);

    /// <summary>Waits for the collective, for at most <paramref name="timeout"/>. May be called again after a timeout.</summary>
    /// <inheritdoc cref="Wait(CancellationToken)"/>
    public void Wait(TimeSpan timeout, CancellationToken abort = default)
    {
        try
        {
            if (!_done.IsSet && !_done.Wait(timeout, abort))
            {
                throw new DistributedException($"{_what}: timed out after {timeout.TotalSeconds:0.###} s");
            }
        }
        catch (OperationCanceledException error)
        {
            throw new DistributedException($"{_what}: the wait was aborted", error) { Aborted = true };
        }

        if (_error is not null)
        {
            ExceptionDispatchInfo.Throw(_error);
        }
    }

    internal void Complete(Exception? error)
    {
        _error = error is null or GpuException ? error : new DistributedException($"{_what}: {error.Message}", error);
        _done.Set();
    }
}

/// <summary>
/// Thrown if a group could not be created or a collective failed: a peer left, a connection broke, the timeout passed, or the wait was
/// aborted. The group stays broken: abandon it and create a new one over a <see cref="PrefixStore"/> with a new prefix.
/// </summary>
public sealed class DistributedException : Exception
{
    public DistributedException(string message)
        : base(message) { }

    public DistributedException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>True if the caller's token ended the wait rather than a failure of the collective.</summary>
    public bool Aborted { get; init; }
}
