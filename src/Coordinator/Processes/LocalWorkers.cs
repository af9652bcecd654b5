using System.ComponentModel;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>The worker processes of this machine. None outlives this object, nor, by <see cref="ParentWatch"/>, this process.</summary>
/// <param name="launchOf">How a worker is started: its id, and which process of the worker it is.</param>
/// <param name="onLine">Gets every line that a worker prints, from several threads.</param>
/// <param name="onExit">Gets every exit, in full, after the last line: the worker, which process of it, and its end.</param>
/// <param name="grace">How long a worker that should end may take to do so by itself.</param>
/// <param name="time">Measures the grace time.</param>
public sealed class LocalWorkers(
    Func<string, int, WorkerLaunch> launchOf,
    Action<WorkerLine> onLine,
    Func<string, int, ProcessExit, Task> onExit,
    TimeSpan grace,
    TimeProvider time
) : IAsyncDisposable
{
    private const int CannotStart = 127,
        Killed = 128 + 9;
    private static readonly TimeSpan TermGrace = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, LocalWorker> _workers = new(StringComparer.Ordinal);
    private readonly List<Task> _exits = [];

    /// <summary>The start of each worker that waits for its earlier process to end.</summary>
    private readonly Dictionary<string, int> _waiting = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private bool _closed;

    /// <summary>
    /// Starts a worker's process. An earlier one that still runs is ended first: whoever orders the next has given it up. One
    /// that cannot be started shows as one that exited with code 127, the reason as its last line.
    /// </summary>
    /// <param name="workerId">The worker.</param>
    /// <param name="start">Which process of the worker this is.</param>
    public void Start(string workerId, int start)
    {
        lock (_lock)
        {
            _exits.RemoveAll(exit => exit.IsCompletedSuccessfully);
            if (_closed)
            {
                return;
            }

            if (_workers.TryGetValue(workerId, out var earlier) && !earlier.Exit.IsCompleted)
            {
                earlier.Kill();
                _waiting[workerId] = start;
                _exits.Add(StartAfterAsync(earlier.Exit, workerId, start));
                return;
            }

            earlier?.Dispose();
            _workers.Remove(workerId);
            try
            {
                var worker = LocalWorker.Start(launchOf(workerId, start), workerId, onLine, time);
                _workers.Add(workerId, worker);
                _exits.Add(TellExitAsync(workerId, start, worker.Exit));
            }
            catch (Win32Exception error)
            {
                _exits.Add(onExit(workerId, start, new ProcessExit(CannotStart, [error.Message])));
            }
        }
    }

    public void Kill(string workerId)
    {
        if (Take(workerId) is { } worker)
        {
            worker.Kill();
        }
    }

    public void Dismiss(string workerId)
    {
        if (Take(workerId) is { } worker)
        {
            _ = worker.DismissAsync(grace, TermGrace);
        }
    }

    /// <summary>Dismisses all workers; ends when all have ended and their exits are told.</summary>
    /// <param name="within">How long they may take to end by themselves; by default the grace time.</param>
    public async Task DismissAllAsync(TimeSpan? within = null)
    {
        await Task.WhenAll(Close().Select(worker => worker.DismissAsync(within ?? grace, TermGrace)));
        await Task.WhenAll(_exits);
    }

    /// <summary>Ends at once what still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var worker in Close())
        {
            worker.Kill();
        }

        await Task.WhenAll(_exits);
        foreach (var worker in _workers.Values)
        {
            worker.Dispose();
        }

        _workers.Clear();
    }

    private IReadOnlyList<LocalWorker> Close()
    {
        lock (_lock)
        {
            _closed = true;
            return [.. _workers.Values];
        }
    }

    /// <summary>The worker's process, which is to end. One that has yet to start does not start any more.</summary>
    private LocalWorker? Take(string workerId)
    {
        lock (_lock)
        {
            _waiting.Remove(workerId);
            return _workers.GetValueOrDefault(workerId);
        }
    }

    private async Task StartAfterAsync(Task<ProcessExit> exit, string workerId, int start)
    {
        await exit;
        bool isWanted;
        lock (_lock)
        {
            isWanted = _waiting.GetValueOrDefault(workerId) == start && _waiting.Remove(workerId);
        }

        if (isWanted)
        {
            Start(workerId, start);
        }
        else
        {
            await onExit(workerId, start, new ProcessExit(Killed, ["It was ended before it had begun."]));
        }
    }

    private async Task TellExitAsync(string workerId, int start, Task<ProcessExit> exit) => await onExit(workerId, start, await exit);
}
