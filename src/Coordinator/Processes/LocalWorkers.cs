using System.ComponentModel;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>The worker processes of this machine. None outlives this object, nor, by <see cref="ParentWatch"/>, this process.</summary>
/// <param name="launchOf">How a worker is started.</param>
/// <param name="onLine">Gets every line that a worker prints, from several threads.</param>
/// <param name="onExit">Gets every exit, in full, after the last line.</param>
/// <param name="grace">How long a worker that should end may take to do so by itself.</param>
/// <param name="time">Measures the grace time.</param>
public sealed class LocalWorkers(Func<string, WorkerLaunch> launchOf, Action<WorkerLine> onLine, Func<string, ProcessExit, Task> onExit, TimeSpan grace, TimeProvider time) : IAsyncDisposable
{
    private const int CannotStart = 127;
    private static readonly TimeSpan TermGrace = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, LocalWorker> _workers = new(StringComparer.Ordinal);
    private readonly List<Task> _exits = [];
    private readonly Lock _lock = new();
    private bool _closed;

    /// <summary>
    /// Starts a worker, again if an earlier process of that name has ended; nothing to do while it runs. One that cannot be
    /// started shows as one that exited with code 127, the reason as its last line.
    /// </summary>
    public void Start(string workerId)
    {
        lock (_lock)
        {
            if (_closed || !Forget(workerId))
            {
                return;
            }

            try
            {
                var worker = LocalWorker.Start(launchOf(workerId), workerId, onLine, time);
                _workers.Add(workerId, worker);
                _exits.Add(TellExitAsync(workerId, worker.Exit));
            }
            catch (Win32Exception error)
            {
                _exits.Add(onExit(workerId, new ProcessExit(CannotStart, [error.Message])));
            }
        }
    }

    public void Kill(string workerId)
    {
        if (Find(workerId) is { } worker)
        {
            worker.Kill();
        }
    }

    public void Dismiss(string workerId)
    {
        if (Find(workerId) is { } worker)
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

    /// <summary>Forgets an earlier process of that name; false while it still runs.</summary>
    private bool Forget(string workerId)
    {
        _exits.RemoveAll(exit => exit.IsCompletedSuccessfully);
        if (!_workers.TryGetValue(workerId, out var earlier))
        {
            return true;
        }

        if (!earlier.Exit.IsCompleted)
        {
            return false;
        }

        earlier.Dispose();
        return _workers.Remove(workerId);
    }

    private IReadOnlyList<LocalWorker> Close()
    {
        lock (_lock)
        {
            _closed = true;
            return [.. _workers.Values];
        }
    }

    private LocalWorker? Find(string workerId)
    {
        lock (_lock)
        {
            return _workers.GetValueOrDefault(workerId);
        }
    }

    private async Task TellExitAsync(string workerId, Task<ProcessExit> exit)
    {
        await onExit(workerId, await exit);
    }
}
