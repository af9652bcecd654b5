using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>What a node tells with every exchange.</summary>
/// <param name="NodeId">Its name in the run: the machine's name unless the user chose another.</param>
/// <param name="Incarnation">Random, a new one for each process: the workers of the process before have died with it.</param>
/// <param name="Slots">How many workers it can run at once.</param>
/// <param name="Epoch">The activation of the run that gave the last orders; 0 before the first.</param>
/// <param name="CarriedOut">The last order of that epoch that has been carried out; 0 when none has.</param>
/// <param name="Lines">What its workers have printed since the last exchange that was answered.</param>
public sealed record NodeReport(string NodeId, string Incarnation, int Slots, long Epoch, long CarriedOut, IReadOnlyList<WorkerLine> Lines);

/// <summary>What a node is to do, in order.</summary>
/// <param name="Lease">The node is lost when it does not call again within this time.</param>
/// <param name="Outcome">That of a run that has ended: end all workers within the grace time, then leave. Null while it goes on.</param>
/// <param name="Orders">Those that the node has not reported as carried out; it carries each out once, by its number.</param>
public sealed record NodeOrders(long Epoch, TimeSpan Lease, RunOutcome? Outcome, IReadOnlyList<NodeOrder> Orders);

/// <param name="Number">Counts up within an epoch of the run.</param>
/// <param name="Start">To start: which process of the worker it is, from 1. One that the node has started already is not started
/// again.</param>
public sealed record NodeOrder(long Number, NodeAction Action, string WorkerId, int Start);

public enum NodeAction
{
    /// <summary>Start the worker's process.</summary>
    Start,

    /// <summary>End it at once.</summary>
    Kill,

    /// <summary>Let it end by itself for the grace time, then end it.</summary>
    Dismiss,
}

/// <summary>A process that a node had started has ended.</summary>
/// <param name="Start">Which process of the worker it was, from 1.</param>
/// <param name="ExitCode">128 + n after signal n.</param>
/// <param name="LastLines">The end of its standard error.</param>
public sealed record WorkerExit(string WorkerId, int Start, int ExitCode, IReadOnlyList<string> LastLines);

/// <summary>A line that a worker's process printed; as text it is prefixed with the worker, "[worker-1] …".</summary>
/// <param name="Text">The line without its end.</param>
public sealed record WorkerLine(string WorkerId, bool IsError, string Text)
{
    public override string ToString() => $"[{WorkerId}] {Text}";
}
