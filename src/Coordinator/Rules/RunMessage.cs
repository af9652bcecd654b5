using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>All that can happen to a run.</summary>
public abstract record RunMessage
{
    private RunMessage() { }

    public sealed record Join(JoinRequest Request) : RunMessage;

    /// <summary>The heartbeats that have arrived since the last turn, in order. The reply answers each.</summary>
    public sealed record Beats(IReadOnlyList<Heartbeat> Heartbeats) : RunMessage;

    public sealed record Report(WorkerReport Outcome) : RunMessage;

    public sealed record Checkpointed(CheckpointWritten Checkpoint) : RunMessage;

    /// <summary>A checkpoint of this run is whole on disk; its writer may have died before it could tell.</summary>
    public sealed record CheckpointFound(CheckpointMark Checkpoint) : RunMessage;

    /// <summary>A node can run workers. Sent when it starts and again whenever it is not sure that it was heard.</summary>
    public sealed record NodeJoined(Node Node) : RunMessage;

    /// <summary>A node is gone, and with it the workers that it ran. They are started again on other nodes.</summary>
    public sealed record NodeLost(string NodeId) : RunMessage;

    /// <summary>A worker's process has ended. A signal n shows as exit code 128 + n.</summary>
    public sealed record WorkerExited(string WorkerId, int ExitCode, IReadOnlyList<string> LastLines) : RunMessage
    {
        /// <summary>Which start of the worker it was; null for the last one.</summary>
        public int? Start { get; init; }
    }

    /// <summary>Somebody wants the run to end: at a checkpoint, or at once and without one.</summary>
    public sealed record StopRequested(string By, bool AtOnce) : RunMessage;

    public sealed record CheckpointRequested : RunMessage;

    /// <summary>
    /// Another coordinator process hosts the run from now on and has read this state from storage. Always its first message.
    /// Workers and nodes live on. A node that is not heard of after that must be reported as lost by the host.
    /// </summary>
    /// <param name="RecordedStep">The last step in the run's ledger.</param>
    public sealed record TakenOver(long RecordedStep) : RunMessage
    {
        /// <summary>The last generation in the run's ledger; null when it cannot lack one that the state knows.</summary>
        public int? RecordedGeneration { get; init; }
    }

    /// <summary>Time has passed.</summary>
    public sealed record Tick : RunMessage;
}
