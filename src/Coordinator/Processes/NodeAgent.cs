using System.Collections.Concurrent;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>Options of a node.</summary>
/// <param name="NodeId">Its name in the run.</param>
/// <param name="Slots">Number of workers that it can run at once.</param>
/// <param name="LaunchOf">Command line of a worker's process.</param>
/// <param name="Grace">Time for a worker to exit on its own before it gets SIGTERM and then SIGKILL.</param>
public sealed record NodeOptions(string NodeId, int Slots, Func<WorkerStart, WorkerLaunch> LaunchOf, TimeSpan Grace);

/// <summary>
/// Represents this machine in a run: asks the run for orders and carries them out on worker processes, which do not outlive this object.
/// </summary>
public sealed class NodeAgent(CoordinatorClient client, NodeOptions options, TimeProvider time)
{
    private const int MostLines = 1000;

    /// <summary>Maximum time for a leaving node to report that it leaves.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly string _incarnation = Guid.NewGuid().ToString("N");
    private readonly ConcurrentQueue<WorkerLine> _lines = new();
    private readonly ConcurrentDictionary<string, (int Start, ProcessExit? Exit)> _starts = new(StringComparer.Ordinal);
    private long _term;
    private long _carriedOut;

    /// <summary>Serves the run until it and its workers have ended. Returns the run's outcome.</summary>
    /// <param name="cancellationToken">Cancelled to leave the run: workers are ended at once.</param>
    /// <exception cref="CoordinatorLostException">The coordinator could not be reached within the client's patience. The workers are
    /// dismissed, and each stops at a checkpoint.</exception>
    /// <exception cref="CoordinatorRefusedException">The run rejects this node.</exception>
    public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
    {
        using var telling = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        await using var leaving = cancellationToken.Register(() => telling.CancelAfter(Farewell));
        await using var workers = new LocalWorkers(
            options.LaunchOf,
            KeepLine,
            (workerId, start, exit) => TellExitAsync(workerId, start, exit, telling.Token),
            options.Grace,
            time
        );
        try
        {
            var outcome = await ServeAsync(workers, telling.Token, cancellationToken);
            await workers.DismissAllAsync();
            await client.NodeLeaveAsync(options.NodeId, _incarnation, cancellationToken);
            return outcome;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAll(
                workers.DismissAllAsync(TimeSpan.Zero),
                TryTellAsync(client.NodeLeaveAsync(options.NodeId, _incarnation, telling.Token))
            );
            throw;
        }
        catch (CoordinatorLostException)
        {
            // There is nobody to report to.
            await telling.CancelAsync();
            await workers.DismissAllAsync();
            throw;
        }
    }

    private async Task<RunOutcome> ServeAsync(LocalWorkers workers, CancellationToken telling, CancellationToken cancellationToken)
    {
        while (true)
        {
            var sent = _lines.ToArray();
            var orders = await client.NodeAsync(
                new NodeReport(options.NodeId, _incarnation, options.Slots, _term, _carriedOut, sent),
                cancellationToken
            );
            foreach (var _ in sent)
            {
                _lines.TryDequeue(out var _);
            }

            // A replaced host of the run does not know the orders of its successor.
            if (orders.Term >= _term)
            {
                CarryOut(workers, orders, telling);
                if (orders.Outcome is { } outcome)
                {
                    return outcome;
                }
            }
        }
    }

    private void CarryOut(LocalWorkers workers, NodeOrders orders, CancellationToken telling)
    {
        if (orders.Term != _term)
        {
            (_term, _carriedOut) = (orders.Term, 0);
        }

        foreach (var order in orders.Orders.Where(order => order.Number > _carriedOut))
        {
            switch (order.Action)
            {
                case NodeAction.Start:
                    Start(workers, order, telling);
                    break;
                case NodeAction.Kill:
                    workers.Kill(order.WorkerId);
                    break;
                case NodeAction.Dismiss:
                    workers.Dismiss(order.WorkerId);
                    break;
            }

            _carriedOut = order.Number;
        }
    }

    /// <summary>Starts a worker. After a takeover the run repeats orders that may already be carried out.</summary>
    private void Start(LocalWorkers workers, NodeOrder order, CancellationToken telling)
    {
        var last = _starts.GetValueOrDefault(order.WorkerId);
        if (order.Start > last.Start)
        {
            _starts[order.WorkerId] = (order.Start, null);
            workers.Start(order.WorkerId, order.Start);
        }
        else if (last.Exit is { } exit)
        {
            _ = TellAsync(order.WorkerId, last.Start, exit, telling);
        }
    }

    private void KeepLine(WorkerLine line)
    {
        // A worker that floods its output must not fill this process's memory while the coordinator is unreachable.
        if (_lines.Count < MostLines)
        {
            _lines.Enqueue(line);
        }
    }

    private Task TellExitAsync(string workerId, int start, ProcessExit exit, CancellationToken telling)
    {
        // A later process may have been ordered meanwhile.
        _starts.TryUpdate(workerId, (start, exit), (start, null));
        return TellAsync(workerId, start, exit, telling);
    }

    private Task TellAsync(string workerId, int start, ProcessExit exit, CancellationToken telling) =>
        TryTellAsync(client.WorkerExitedAsync(new WorkerExit(workerId, start, exit.Code, exit.LastLines), telling));

    /// <summary>Tries to report. If a leaving node fails to report in time, its lease expires instead.</summary>
    private static async Task TryTellAsync(Task telling)
    {
        try
        {
            await telling;
        }
        catch (Exception error) when (error is OperationCanceledException or CoordinatorLostException) { }
    }
}
