using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// The one lock of a loader: its threads wait here for each other's progress, and here a failure or the end stops them all.
/// </summary>
internal sealed class WorkGate
{
    private readonly object _lock = new();
    private ExceptionDispatchInfo? _failure;
    private bool _stopped;

    /// <summary>Whether the work has failed or stopped.</summary>
    public bool IsOver
    {
        get
        {
            lock (_lock)
                return _stopped || _failure is not null;
        }
    }

    /// <summary>
    /// Waits until <paramref name="attempt"/> gives something; null once the work has failed or stopped. Wakes nobody: what an
    /// attempt takes is nothing that others wait for.
    /// </summary>
    public T? When<T>(Func<T?> attempt)
        where T : class
    {
        lock (_lock)
        {
            while (!_stopped && _failure is null)
            {
                if (attempt() is { } result)
                    return result;
                Monitor.Wait(_lock);
            }

            return null;
        }
    }

    /// <summary>The same for the consumer, who makes room: takes what is there even after a failure, then throws that failure.</summary>
    public T WhenOrThrow<T>(Func<T?> attempt, CancellationToken cancellation)
        where T : class
    {
        using var registration = cancellation.Register(() => Change(() => { }));
        lock (_lock)
        {
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                ObjectDisposedException.ThrowIf(_stopped, this);
                if (attempt() is { } result)
                {
                    Monitor.PulseAll(_lock);
                    return result;
                }

                _failure?.Throw();
                Monitor.Wait(_lock);
            }
        }
    }

    /// <summary>
    /// Waits until a condition holds, or the work has failed or stopped; false when that took longer than <paramref name="patience"/>.
    /// </summary>
    public bool Wait(Func<bool> condition, TimeSpan patience, CancellationToken cancellation)
    {
        using var registration = cancellation.Register(() => Change(() => { }));
        var started = Stopwatch.GetTimestamp();
        lock (_lock)
        {
            while (!_stopped && _failure is null && !condition())
            {
                cancellation.ThrowIfCancellationRequested();
                var left = patience - Stopwatch.GetElapsedTime(started);
                if (left <= TimeSpan.Zero)
                    return false;
                Monitor.Wait(_lock, left);
            }

            return true;
        }
    }

    /// <summary>Changes what others wait for.</summary>
    public void Change(Action change)
    {
        lock (_lock)
        {
            change();
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Looks at what others change; nobody is woken.</summary>
    public void Look(Action look)
    {
        lock (_lock)
            look();
    }

    /// <summary>Changes what others wait for only when <paramref name="change"/> gives true.</summary>
    public void ChangeIf(Func<bool> change)
    {
        lock (_lock)
        {
            if (change())
                Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Ends all work; the first failure is the one that the consumer sees.</summary>
    public void Fail(Exception exception) => Change(() => _failure ??= ExceptionDispatchInfo.Capture(exception));

    /// <summary>Ends all work.</summary>
    public void Stop() => Change(() => _stopped = true);
}
