using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>All that can happen to a run.</summary>
public abstract record RunMessage
{
    private RunMessage()
    {
    }

    public sealed record Join(JoinRequest Request) : RunMessage;

    public sealed record Beat(Heartbeat Heartbeat) : RunMessage;

    public sealed record Report(WorkerReport Outcome) : RunMessage;

    public sealed record Checkpointed(CheckpointWritten Checkpoint) : RunMessage;

    /// <summary>A checkpoint of this run is whole on disk; who wrote it may have died before telling.</summary>
    public sealed record CheckpointFound(CheckpointMark Checkpoint) : RunMessage;

    /// <summary>A worker's process has ended. A signal n shows as exit code 128 + n.</summary>
    public sealed record WorkerExited(string WorkerId, int ExitCode, IReadOnlyList<string> LastLines) : RunMessage;

    /// <summary>Somebody wants the run to end: at a checkpoint, or at once and without one.</summary>
    public sealed record StopRequested(string By, bool AtOnce) : RunMessage;

    public sealed record CheckpointRequested : RunMessage;

    /// <summary>The coordinator was started again and has read this state from its journal. Always its first message then.</summary>
    /// <param name="RecordedStep">The last step in the run's ledger.</param>
    public sealed record CoordinatorRestarted(long RecordedStep) : RunMessage
    {
        /// <summary>The last generation in the run's ledger; null when it cannot lack one that the journal knows.</summary>
        public int? RecordedGeneration { get; init; }
    }

    /// <summary>Time has passed.</summary>
    public sealed record Tick : RunMessage;
}
