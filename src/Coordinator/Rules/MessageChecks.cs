using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Detects messages that contradict the run's state, whether sent by a defective worker, another version or an attacker. Each check
/// returns the problem, or null. An unknown generation is not an error: a worker may come from an earlier start of the run, and what it
/// reports of that is ignored.
/// </summary>
internal static class MessageChecks
{
    private const int MaxExitCode = 255;
    private const int MaxSlots = 1 << 16;
    private const int PathLength = 4_096;

    /// <summary>An upper bound for any model on any machine.</summary>
    private const double MaxStepsPerSecond = 10_000;

    /// <summary>Tolerated clock difference between coordinators, so that a run does not refuse its own workers after a takeover.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromHours(1);

    public static string? Of(TurnContext turn, JoinRequest request) =>
        !PlainText.IsName(request.WorkerId) ? Name("worker id", request.WorkerId)
        : !PlainText.IsName(request.Incarnation) ? Name("incarnation", request.Incarnation)
        : !PlainText.IsName(request.Host) ? Name("host", request.Host)
        : !PlainText.IsName(request.Address) ? Name("address", request.Address)
        : request.Device is { } device && !PlainText.IsName(device) ? Name("device", device)
        : !PlainText.IsName(request.CodeVersion) ? Name("code version", request.CodeVersion)
        : !PlainText.IsName(request.ConfigHash) ? Name("configuration hash", request.ConfigHash)
        : !PlainText.IsName(request.CorpusHash) ? Name("corpus hash", request.CorpusHash)
        : request.ProcessId < 0 ? $"the process id {request.ProcessId} is negative"
        : request.LeftGeneration < 0 ? $"the generation {request.LeftGeneration} is negative"
        : request.HeldStep is not { } held ? null
        : request.LeftGeneration == 0 ? $"it holds the state of step {held} but was in no generation"
        : Step(turn, held);

    /// <param name="turn">The turn.</param>
    /// <param name="heartbeat">A heartbeat of a living member.</param>
    public static string? Of(TurnContext turn, Heartbeat heartbeat) =>
        heartbeat.Generation < 0
            ? $"the generation {heartbeat.Generation} is negative"
            : Step(turn, heartbeat.CommittedStep) ?? (heartbeat.Records.Count > 0 ? RecordChecks.Of(turn, heartbeat.Records) : null);

    public static string? Of(TurnContext turn, WorkerReport report) =>
        report.Generation < 0 ? $"the generation {report.Generation} is negative"
        : !Enum.IsDefined(report.Outcome) ? $"the outcome {(int)report.Outcome} is unknown"
        : report.ExitCode is < 0 or > MaxExitCode ? $"{report.ExitCode} is not an exit code"
        : report.Outcome == WorkerOutcome.Completed && report.CommittedStep < turn.State.Spec.TotalSteps
            ? $"it has completed the run at step {report.CommittedStep} of {turn.State.Spec.TotalSteps}"
        : Step(turn, report.CommittedStep);

    public static string? Of(TurnContext turn, Member member, CheckpointWritten written) =>
        !PlainText.IsName(written.Directory, PathLength) ? Name("directory", written.Directory)
        : written.Step == 0 ? "a checkpoint of step 0 holds nothing"
        : member.Generation == 0 ? $"it has written a checkpoint of step {written.Step} but was in no generation"
        : Step(turn, written.Step) ?? Unrecorded(turn.State, written.Step);

    public static string? Of(Node node) =>
        !PlainText.IsName(node.Id) ? Name("node id", node.Id)
        : !PlainText.IsName(node.Incarnation) ? Name("incarnation", node.Incarnation)
        : node.Slots is < 0 or > MaxSlots ? $"a node cannot have {node.Slots} slots"
        : null;

    /// <summary>Checks a step against the end of the run, and against the steps that are possible since the generation formed.</summary>
    public static string? Step(TurnContext turn, long step)
    {
        var state = turn.State;
        if (step < 0)
        {
            return $"the step {step} is negative";
        }

        // A run may resume from a checkpoint beyond a total that was lowered since.
        var reached = Math.Max(state.FurthestStep, state.LastCheckpoint?.Step ?? 0);
        if (step > reached && step > state.Spec.TotalSteps)
        {
            return $"step {step} is beyond the run's last step, {state.Spec.TotalSteps}";
        }

        var elapsed = state.FormedAt is { } formed && turn.Now > formed ? turn.Now - formed : TimeSpan.Zero;
        return step - reached > (elapsed + ClockTolerance).TotalSeconds * MaxStepsPerSecond
            ? $"step {step} is not reachable yet: the run was at step {reached} recently"
            : null;
    }

    /// <summary>A worker with a full queue of unrecorded steps stops stepping, so no checkpoint can be farther ahead.</summary>
    private static string? Unrecorded(RunState state, long step) =>
        Math.Max(state.RecordedStep, state.LastCheckpoint?.Step ?? 0) is var known && step - known > RecordQueue.MaxRecords
            ? $"step {step} is more than {RecordQueue.MaxRecords} steps beyond what is recorded, {known}"
            : null;

    private static string Name(string what, string? name) =>
        string.IsNullOrEmpty(name)
            ? $"its {what} is empty"
            : $"its {what} \"{PlainText.Line(name, 40)}\" is too long or has control characters";
}
