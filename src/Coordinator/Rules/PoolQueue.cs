using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// The order in which a pool serves requests, as <see cref="PoolMachine"/> describes it. Each method takes time in proportion to the
/// queue, however many requests a message has, and returns the same state if nothing changes.
/// </summary>
internal static class PoolQueue
{
    /// <summary>Adds requests, each in place of earlier attempts of its run. Those that are known or superseded change nothing.</summary>
    /// <exception cref="ArgumentException">A request is invalid.</exception>
    public static PoolState Add(PoolState state, IReadOnlyList<LeaseRequest> requests)
    {
        var newest = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (run, number) in state.Leases.Select(lease => lease.Attempt).Concat(state.Queue.Select(queued => queued.Attempt)))
        {
            newest[run] = number;
        }

        var added = new List<LeaseRequest>();
        foreach (var request in requests)
        {
            var (run, number) = request.Attempt;
            if (request.Devices < 1)
            {
                throw new ArgumentException($"Run {run} asks for {request.Devices} devices: it needs at least one.", nameof(requests));
            }

            if (newest.GetValueOrDefault(run) < number)
            {
                newest[run] = number;
                added.Add(request);
            }
        }

        if (added.Count == 0)
        {
            return state;
        }

        state = Remove(state, [.. added.Select(request => request.Attempt with { Number = request.Attempt.Number - 1 })]);
        var capacity = new PoolCapacity(state);
        var served = (state.Queue.FirstOrDefault(queued => capacity.Holds(queued.Request)) ?? state.Queue.FirstOrDefault())?.Round ?? 0;
        var last = state
            .Queue.GroupBy(queued => queued.Request.Experiment, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Max(queued => queued.Round), StringComparer.Ordinal);
        var queue = state.Queue.ToList();
        foreach (var request in added.Where(request => newest[request.Attempt.Run] == request.Attempt.Number))
        {
            var latest = last.GetValueOrDefault(request.Experiment, served - 1);
            var round = request.Attempt.Number > 1 ? served : Math.Max(served, latest + 1);
            queue.Add(new QueuedRequest(request, round));
            last[request.Experiment] = Math.Max(latest, round);
        }

        // The sort is stable.
        return state with
        {
            Queue = [.. queue.OrderBy(queued => queued.Round)],
            Experiments = [.. state.Experiments.Union(added.Select(request => request.Experiment), StringComparer.Ordinal)],
        };
    }

    /// <summary>Removes the leases and requests of these and all earlier attempts.</summary>
    public static PoolState Remove(PoolState state, IReadOnlyList<RunAttempt> attempts)
    {
        var over = attempts
            .GroupBy(attempt => attempt.Run, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Max(attempt => attempt.Number), StringComparer.Ordinal);
        var (leases, queue) = (
            state.Leases.Where(lease => !IsOver(lease.Attempt)).ToList(),
            state.Queue.Where(queued => !IsOver(queued.Attempt)).ToList()
        );
        return leases.Count == state.Leases.Count && queue.Count == state.Queue.Count
            ? state
            : state with
            {
                Leases = leases,
                Queue = queue,
            };

        bool IsOver(RunAttempt attempt) => over.TryGetValue(attempt.Run, out var number) && attempt.Number <= number;
    }

    /// <summary>Grants requests in order until one has to wait for others. Those that the nodes cannot hold keep their place.</summary>
    public static PoolState Grant(PoolState state)
    {
        var (capacity, free) = (new PoolCapacity(state), state.FreeDevices());
        var (granted, waiting) = (new List<Lease>(), new List<QueuedRequest>());
        foreach (var queued in state.Queue)
        {
            if (free.Count > 0 && capacity.Holds(queued.Request))
            {
                if (
                    Allocate(free, queued.Request.Devices, state.Together(queued.Request.Devices, queued.Request.DevicesPerWorker)) is
                    { } devices
                )
                {
                    granted.Add(new Lease(state.LastLease + granted.Count + 1, queued.Request, devices));
                    free = Without(free, devices);
                    continue;
                }

                // Nothing overtakes it.
                free = [];
            }

            waiting.Add(queued);
        }

        return granted.Count == 0
            ? state
            : state with
            {
                LastLease = state.LastLease + granted.Count,
                Leases = [.. state.Leases, .. granted],
                Queue = waiting,
            };
    }

    /// <summary>
    /// Allocates devices on as few nodes as possible: whole nodes with the most free devices, and for the remainder the node that it
    /// fills best, so that large gaps remain for others.
    /// </summary>
    /// <param name="free">Free devices by node.</param>
    /// <param name="wanted">Number of devices.</param>
    /// <param name="together">Each node gives a multiple of this number, a divisor of <paramref name="wanted"/>.</param>
    /// <returns>The devices; null if there are not enough.</returns>
    internal static IReadOnlyList<PoolDevice>? Allocate(IReadOnlyList<IReadOnlyList<PoolDevice>> free, int wanted, int together = 1)
    {
        var nodes = free.ToList();
        var chosen = new List<PoolDevice>();
        while (chosen.Count < wanted && nodes.Count > 0)
        {
            var missing = wanted - chosen.Count;
            var node = nodes.Where(node => node.Count >= missing).MinBy(node => node.Count) ?? nodes.MaxBy(Room)!;
            nodes.Remove(node);
            chosen.AddRange(node.Take(Math.Min(missing, Room(node))));
        }

        return chosen.Count == wanted ? chosen : null;

        int Room(IReadOnlyList<PoolDevice> node) => node.Count / together * together;
    }

    private static IReadOnlyList<IReadOnlyList<PoolDevice>> Without(
        IReadOnlyList<IReadOnlyList<PoolDevice>> free,
        IReadOnlyList<PoolDevice> taken
    )
    {
        var nodes = taken.Select(device => device.Node).ToHashSet(StringComparer.Ordinal);
        return [.. free.Select(node => nodes.Contains(node[0].Node) ? [.. node.Except(taken)] : node).Where(node => node.Count > 0)];
    }
}
