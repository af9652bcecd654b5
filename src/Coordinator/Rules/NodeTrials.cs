using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// The trials of a node as pure functions. Calls may be repeated, late, or out of order. The numbers of leases order them: a lease is void
/// as soon as a later one has any of its devices, so an attempt never starts after its stop or beside its successor.
/// </summary>
public static class NodeTrials
{
    /// <summary>The trials that the node should run, in the order of their leases.</summary>
    public static IReadOnlyList<TrialStart> Wanted(PoolNodeState state) =>
        [
            .. state
                .Trials.Where(trial => trial is { IsStopped: false, End: null, Start: not null })
                .Select(trial => trial.Start!)
                .OrderBy(start => start.Lease.Number),
        ];

    /// <summary>The trial with this lease; null if it is unknown.</summary>
    public static NodeTrial? Find(PoolNodeState state, Lease lease) => state.Trials.FirstOrDefault(trial => IsOf(trial, lease));

    /// <summary>A process of the node reports. The trials of an earlier one have ended with it.</summary>
    public static PoolNodeState Meet(PoolNodeState state, long incarnation) =>
        incarnation <= state.Incarnation
            ? state
            : state with
            {
                Incarnation = incarnation,
                Trials = [.. state.Trials.Select(trial => trial.End is null ? Lost(trial) : trial)],
            };

    /// <summary>Adds a trial, unless it is known, or a later lease has one of its devices.</summary>
    public static PoolNodeState Assign(PoolNodeState state, TrialStart start) =>
        Add(state, new NodeTrial(start.Lease, start, state.Incarnation));

    /// <summary>The trial should not run, even if its start is still to come.</summary>
    public static PoolNodeState Stop(PoolNodeState state, Lease lease) =>
        Find(state, lease) is { } trial
            ? trial.IsStopped
                ? state
                : Replace(state, trial with { IsStopped = true })
            : Add(state, new NodeTrial(lease, Start: null, state.Incarnation) { IsStopped = true, End = Stopped(lease) });

    /// <summary>A trial has ended. The first end stands.</summary>
    public static PoolNodeState End(PoolNodeState state, Lease lease, TrialEnd end) =>
        Find(state, lease) is { End: null } trial ? Replace(state, trial with { End = end }) : state;

    /// <summary>The node is silent: its trials do not count any more, and it ends them if it returns.</summary>
    public static PoolNodeState Lose(PoolNodeState state, Lease lease) =>
        Find(state, lease) is { End: null } trial ? Replace(state, Lost(trial)) : state;

    /// <summary>The node leaves: of the trials without an end it runs those that it has, and starts no others.</summary>
    /// <param name="state">The node's state.</param>
    /// <param name="held">Lease numbers of the trials that it has.</param>
    public static PoolNodeState Leave(PoolNodeState state, IReadOnlyList<long> held) =>
        state.Trials.All(trial => trial.End is not null || held.Contains(trial.Lease.Number))
            ? state
            : state with
            {
                Trials = [.. state.Trials.Select(trial => trial.End is null && !held.Contains(trial.Lease.Number) ? Lost(trial) : trial)],
            };

    /// <summary>The end of a trial that was stopped without a result.</summary>
    public static TrialEnd Stopped(Lease lease) => new(lease.Attempt, TrialEndKind.Stopped);

    private static NodeTrial Lost(NodeTrial trial) => trial with { IsStopped = true, End = Stopped(trial.Lease) };

    /// <summary>Two pools, to which a node of this name has belonged one after the other, number their leases each for itself.</summary>
    private static bool IsOf(NodeTrial trial, Lease lease) => trial.Lease.Number == lease.Number && trial.Lease.Attempt == lease.Attempt;

    private static PoolNodeState Replace(PoolNodeState state, NodeTrial trial) =>
        state with
        {
            Trials = [.. state.Trials.Select(other => IsOf(other, trial.Lease) ? trial : other)],
        };

    private static PoolNodeState Add(PoolNodeState state, NodeTrial trial)
    {
        var others = state.Trials.Where(other => other.Lease.Devices.Intersect(trial.Lease.Devices).Any()).ToHashSet();
        return others.Any(other => other.Lease.Number >= trial.Lease.Number)
            ? state
            : state with
            {
                Trials = [.. state.Trials.Where(other => !others.Contains(other)), trial],
            };
    }
}
