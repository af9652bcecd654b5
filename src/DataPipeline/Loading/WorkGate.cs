using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// The single lock of a loader: its threads wait here for each other's progress, and a failure or a stop ends them all.
/// </summary>
internal sealed class WorkGate
{
    private readonly object _lock = new();
    private ExceptionDispatchInfo? _failure;
    private bool _stopped;

    /// <summary>True once the work has failed or stopped.</summary>
    public bool IsOver
    {
        get
        {
            lock (_lock)
            {
                return _stopped || _failure is not null;
            }
        }
    }

    /// <summary>
    /// Waits until <paramref name="attempt"/> returns a result; null once the work has failed or stopped. Wakes no other thread, so an
    /// attempt must not change anything that others wait for.
    /// </summary>
    public T? When<T>(Func<T?> attempt)
        where T : class
    {
        lock (_lock)
        {
            while (!_stopped && _failure is null)
            {
                if (attempt() is { } result)
                {
                    return result;
                }

                Monitor.Wait(_lock);
            }

            return null;
        }
    }

    /// <summary>
    /// The same for the consumer, which frees room for others. Returns a result even after a failure; without one, throws the failure.
    /// </summary>
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
    /// Waits until a condition holds or the work has failed or stopped; false if that takes longer than <paramref name="patience"/>.
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
                {
                    return false;
                }

                Monitor.Wait(_lock, left);
            }

            return true;
        }
    }

    /// <summary>Changes state that others wait for, and wakes them.</summary>
    public void Change(Action change)
    {
        lock (_lock)
        {
            change();
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Reads shared state without waking other threads.</summary>
    public void Look(Action look)
    {
        lock (_lock)
        {
            look();
        }
    }

    /// <summary>Runs a change and wakes the others only if it returns true.</summary>
    public void ChangeIf(Func<bool> change)
    {
        lock (_lock)
        {
            if (change())
            {
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Ends all work; the consumer sees the first failure.</summary>
    public void Fail(Exception exception) => Change(() => _failure ??= ExceptionDispatchInfo.Capture(exception));

    /// <summary>Ends all work.</summary>
    public void Stop() => Change(() => _stopped = true);
}
