using System.ComponentModel;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// The worker processes on this machine. None outlives this object or, thanks to <see cref="ParentWatch"/>, this process.
/// </summary>
/// <param name="launchOf">Command line of a process.</param>
/// <param name="onLine">Receives every line that a worker prints, from several threads.</param>
/// <param name="onExit">Receives every exit after the last line: the worker, its process number, and its exit.</param>
/// <param name="grace">Time for a worker to exit on its own.</param>
/// <param name="time">Measures the grace period.</param>
public sealed class LocalWorkers(
    Func<WorkerStart, WorkerLaunch> launchOf,
    Action<WorkerLine> onLine,
    Func<string, int, ProcessExit, Task> onExit,
    TimeSpan grace,
    TimeProvider time
) : IAsyncDisposable
{
    /// <summary>Exit code of a program that cannot be started, as in a shell.</summary>
    internal const int CannotStart = 127;

    private const int Killed = 128 + 9;
    private static readonly TimeSpan TermGrace = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, LocalWorker> _workers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _slots = new(StringComparer.Ordinal);
    private readonly List<Task> _exits = [];

    /// <summary>Process numbers of workers that wait for their earlier process to end.</summary>
    private readonly Dictionary<string, int> _waiting = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private bool _closed;

    /// <summary>
    /// Starts a worker's process. An earlier one that still runs is ended first. A process that cannot start is reported as exited with
    /// code 127, with the reason as its last line.
    /// </summary>
    /// <param name="workerId">The worker.</param>
    /// <param name="start">Number of the worker's process.</param>
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
                var slot = FreeSlot();
                var worker = LocalWorker.Start(launchOf(new WorkerStart(workerId, start, slot)), workerId, onLine, time);
                _workers.Add(workerId, worker);
                _slots[workerId] = slot;
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

    /// <summary>Dismisses all workers. Completes when all have exited and their exits are reported.</summary>
    /// <param name="within">Time for them to exit on their own; by default the grace period.</param>
    public async Task DismissAllAsync(TimeSpan? within = null)
    {
        await Task.WhenAll(Close().Select(worker => worker.DismissAsync(within ?? grace, TermGrace)));
        await Task.WhenAll(_exits);
    }

    /// <summary>Ends all running workers at once.</summary>
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

    private int FreeSlot()
    {
        var used = _workers.Where(worker => !worker.Value.Exit.IsCompleted).Select(worker => _slots[worker.Key]).ToHashSet();
        return Enumerable.Range(0, used.Count + 1).First(slot => !used.Contains(slot));
    }

    private IReadOnlyList<LocalWorker> Close()
    {
        lock (_lock)
        {
            _closed = true;
            return [.. _workers.Values];
        }
    }

    /// <summary>The worker's process, which is to end. A pending start is cancelled.</summary>
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
            await onExit(workerId, start, new ProcessExit(Killed, ["The process was ended before it started."]));
        }
    }

    private async Task TellExitAsync(string workerId, int start, Task<ProcessExit> exit) => await onExit(workerId, start, await exit);
}
