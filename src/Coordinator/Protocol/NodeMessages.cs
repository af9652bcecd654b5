namespace ClipTrain.Coordinator.Protocol;

/// <summary>A node's part of an exchange with the run.</summary>
/// <param name="NodeId">Its name in the run; the machine's name by default.</param>
/// <param name="Incarnation">Random and new for each process. The workers of an earlier process died with it.</param>
/// <param name="Slots">Number of workers that it can run at once.</param>
/// <param name="Term">Term of the activation that gave the last orders; 0 before the first.</param>
/// <param name="CarriedOut">The last order of that term that was carried out; 0 if none.</param>
/// <param name="Lines">Output of its workers since the last answered exchange.</param>
public sealed record NodeReport(string NodeId, string Incarnation, int Slots, long Term, long CarriedOut, IReadOnlyList<WorkerLine> Lines);

/// <summary>Orders for a node, to be carried out in sequence.</summary>
/// <param name="Lease">The node counts as lost if it does not call again within this time.</param>
/// <param name="Outcome">Outcome of a run that has ended: end all workers within the grace period, then leave. Null while the run
/// continues.</param>
/// <param name="Orders">Orders that the node has not yet reported as carried out. It carries out each number once.</param>
public sealed record NodeOrders(long Term, TimeSpan Lease, RunOutcome? Outcome, IReadOnlyList<NodeOrder> Orders);

/// <param name="Number">Sequence number within a term.</param>
/// <param name="Start">For Start: the number of the worker's process, from 1. The node starts each number once.</param>
public sealed record NodeOrder(long Number, NodeAction Action, string WorkerId, int Start);

public enum NodeAction
{
    /// <summary>Start the worker's process.</summary>
    Start,

    /// <summary>End it at once.</summary>
    Kill,

    /// <summary>Let it exit within the grace period, then end it.</summary>
    Dismiss,
}

/// <summary>The end of a process that a node started.</summary>
/// <param name="Start">Number of the worker's process, from 1.</param>
/// <param name="ExitCode">128 + n after signal n.</param>
/// <param name="LastLines">The end of its standard error.</param>
public sealed record WorkerExit(string WorkerId, int Start, int ExitCode, IReadOnlyList<string> LastLines);

/// <summary>A line that a worker's process printed. <see cref="ToString"/> prefixes the worker: "[worker-1] …".</summary>
/// <param name="Text">The line without its line break.</param>
public sealed record WorkerLine(string WorkerId, bool IsError, string Text)
{
    public override string ToString() => $"[{WorkerId}] {Text}";
}

public enum OutcomeKind
{
    Completed,
    Stopped,
    Failed,
}

/// <summary>Outcome of a run. The message says why it ended and, unless it completed, the step it can resume from.</summary>
/// <param name="ExitCode">After a failure: the exit code reported by the worker that caused it.</param>
public sealed record RunOutcome(OutcomeKind Kind, string Message, CheckpointMark? LastCheckpoint, int? ExitCode = null);
