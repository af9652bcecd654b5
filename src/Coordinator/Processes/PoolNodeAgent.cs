using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>Runs trials on this machine.</summary>
public interface ITrialHost
{
    /// <summary>Runs this machine's part of a trial on its devices of the lease. An exception is a failure of the trial.</summary>
    /// <param name="start">The trial.</param>
    /// <param name="stop">Cancelled to stop it, at a checkpoint if this machine hosts its coordinator.</param>
    /// <returns>Its end, once none of its processes is left on this machine.</returns>
    Task<TrialEnd> RunAsync(TrialStart start, CancellationToken stop);
}

/// <summary>Options of a node of a pool.</summary>
/// <param name="Pool">Name of the pool.</param>
/// <param name="Offer">The node's name and devices.</param>
/// <param name="Patience">Time without an answer of the pool after which the node stops its trials and leaves.</param>
/// <param name="Tell">Receives a line per event.</param>
public sealed record PoolNodeOptions(string Pool, NodeOffer Offer, TimeSpan Patience, Action<string> Tell);

/// <summary>
/// Represents this machine in a pool: offers its devices and runs the trials that the pool's experiments place on them. While no
/// coordinator answers, they go on.
/// </summary>
public sealed class PoolNodeAgent(IGrainFactory grains, PoolNodeOptions options, ITrialHost host, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250),
        SignOfLife = TimeSpan.FromSeconds(5),
        Unnoticed = TimeSpan.FromSeconds(10),
        Farewell = TimeSpan.FromSeconds(5);

    private readonly IPoolNodeGrain _node = grains.GetGrain<IPoolNodeGrain>(options.Offer.Node);

    /// <summary>The trials that this process runs or has yet to report, by the number of their lease.</summary>
    private readonly Dictionary<long, NodeTask> _trials = [];

    /// <summary>The newest orders; null before the first.</summary>
    private TrialOrders? _orders;
    private bool _isLeaving,
        _hasLeft;

    /// <summary>Serves the pool. Trials stop at a checkpoint before this ends.</summary>
    /// <param name="leave">Cancelled to leave the pool: other nodes continue the trials.</param>
    /// <exception cref="OperationCanceledException">The node has left.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answered within the patience.</exception>
    /// <exception cref="CoordinatorRefusedException">Another node of the same name has joined.</exception>
    public async Task RunAsync(CancellationToken leave)
    {
        try
        {
            while (true)
            {
                CarryOut(await ExchangeAsync(leave));
            }
        }
        catch (OperationCanceledException) when (leave.IsCancellationRequested)
        {
            await TryAsync(LeaveAsync);
            throw;
        }
        finally
        {
            _isLeaving = true;
            if (_trials.Values.Count(trial => !trial.Ended.IsCompleted) is > 0 and var running)
            {
                options.Tell($"leaving: {running} trial{(running == 1 ? " stops" : "s stop")} at a checkpoint");
            }

            foreach (var trial in _trials.Values)
            {
                await trial.Stop.CancelAsync();
            }

            await StayHeardAsync(Task.WhenAll(_trials.Values.Select(trial => trial.Ended)));
            await Task.WhenAny(Task.WhenAll(_trials.Values.Select(trial => trial.Told)), Task.Delay(Farewell, time));
        }
    }

    private async Task<TrialOrders> ExchangeAsync(CancellationToken leave)
    {
        var isTold = false;
        for (var since = time.GetTimestamp(); ; await Task.Delay(Pause, time, leave))
        {
            try
            {
                var orders = await _node.ExchangeAsync(Report()).WaitAsync(leave);
                if (isTold)
                {
                    options.Tell("the pool answers again");
                }

                return orders;
            }
            catch (Exception error) when (!leave.IsCancellationRequested)
            {
                var silence = time.GetElapsedTime(since);
                if (silence >= Unnoticed && !isTold)
                {
                    options.Tell(
                        $"the pool does not answer; trials go on, and the node leaves after {options.Patience.TotalSeconds:0} s without an "
                            + $"answer: {error.Message}"
                    );
                    isTold = true;
                }

                if (silence >= options.Patience)
                {
                    throw new CoordinatorLostException(
                        $"No coordinator of the pool answered for {options.Patience.TotalSeconds:0} s: {error.Message}",
                        error
                    );
                }
            }
        }
    }

    /// <summary>
    /// Waits for this node's trials to end, and keeps it from counting as lost meanwhile: its devices are not free yet. Leaves, if that
    /// failed before, and says which trials it has: it starts no others.
    /// </summary>
    private async Task StayHeardAsync(Task ended)
    {
        while (!ended.IsCompleted)
        {
            _ = TryAsync(LeaveAsync);
            _ = TryAsync(async () =>
            {
                await _node.ExchangeAsync(Report() with { Known = [.. _trials.Keys], IsLeaving = true });
                return true;
            });
            await Task.WhenAny(ended, Task.Delay(SignOfLife, time));
        }
    }

    private TrialReport Report() =>
        new(options.Pool, options.Offer, _orders?.Term ?? 0, [.. _orders?.Wanted.Select(start => start.Lease.Number) ?? []]);

    private void CarryOut(TrialOrders orders)
    {
        if (orders.IsSuperseded)
        {
            throw new CoordinatorRefusedException(
                $"Another node named {options.Offer.Node} has joined the pool. Give each node its own --name."
            );
        }

        // A replaced activation does not know the orders of its successor.
        if (orders.Term < _orders?.Term)
        {
            return;
        }

        if (_orders is null)
        {
            var devices = options.Offer.Devices.Count;
            options.Tell($"{options.Offer.Node} has joined the pool with {devices} device{(devices == 1 ? "" : "s")}");
        }

        _orders = orders;
        var wanted = orders.Wanted.Select(start => start.Lease.Number).ToHashSet();
        foreach (var (lease, trial) in _trials)
        {
            if (wanted.Contains(lease))
            {
                continue;
            }

            trial.Stop.Cancel();
            if (trial.Told.IsCompleted)
            {
                _trials.Remove(lease);
            }
        }

        foreach (var start in orders.Wanted.Where(start => !_trials.ContainsKey(start.Lease.Number)))
        {
            var stop = new CancellationTokenSource();
            var earlier = _trials.Values.Where(trial => trial.Devices.Overlaps(start.Lease.Devices)).Select(trial => trial.Ended);
            var ended = RunAsync(start, Task.WhenAll(earlier), stop.Token);
            _trials.Add(start.Lease.Number, new NodeTask([.. start.Lease.Devices], stop, ended, TellAsync(start, ended)));
        }
    }

    /// <summary>Runs a trial once the earlier ones on its devices have ended.</summary>
    private async Task<TrialEnd> RunAsync(TrialStart start, Task earlier, CancellationToken stop)
    {
        await earlier;
        if (stop.IsCancellationRequested)
        {
            return new TrialEnd(start.Attempt, TrialEndKind.Stopped);
        }

        options.Tell($"{start.Attempt.Run} starts on {string.Join(", ", start.Lease.DevicesOf(options.Offer.Node))}");
        var began = time.GetTimestamp();
        TrialEnd end;
        try
        {
            end = await host.RunAsync(start, stop);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // A trial that is never reported as ended would keep its devices.
            end = new TrialEnd(start.Attempt, TrialEndKind.Failed, error.Message);
        }

        options.Tell($"{start.Attempt.Run} {end.Kind.ToString().ToLowerInvariant()}{(end.Text is null ? "" : $": {end.Text}")}");
        end = end with { DeviceSeconds = time.GetElapsedTime(began).TotalSeconds * start.Lease.Devices.Count };

        // Stopped would end the trial; it goes on elsewhere.
        return end.Kind == TrialEndKind.Stopped && _isLeaving
            ? end with
            {
                Kind = TrialEndKind.DevicesLost,
                Text = $"node {options.Offer.Node} left",
            }
            : end;
    }

    private async Task TellAsync(TrialStart start, Task<TrialEnd> ended)
    {
        var end = await ended;
        while (!await TryAsync(() => _node.EndedAsync(start.Lease, end)))
        {
            await Task.Delay(Pause, time);
        }
    }

    private async Task<bool> LeaveAsync()
    {
        if (!_hasLeft)
        {
            await _node.LeaveAsync(options.Pool, options.Offer.Incarnation);
            _hasLeft = true;
        }

        return true;
    }

    /// <returns>False also if the call fails.</returns>
    private static async Task<bool> TryAsync(Func<Task<bool>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return false;
        }
    }

    /// <param name="Devices">Its devices.</param>
    /// <param name="Stop">Cancelled to stop it.</param>
    /// <param name="Ended">Its end.</param>
    /// <param name="Told">Completes when the end is reported.</param>
    private sealed record NodeTask(HashSet<PoolDevice> Devices, CancellationTokenSource Stop, Task<TrialEnd> Ended, Task Told);
}
