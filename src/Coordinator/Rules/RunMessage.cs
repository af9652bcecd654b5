using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Messages to a run.</summary>
public abstract record RunMessage
{
    private RunMessage() { }

    public sealed record Join(JoinRequest Request) : RunMessage;

    /// <summary>The heartbeats since the last turn, in order. The reply answers each.</summary>
    public sealed record Heartbeats(IReadOnlyList<Heartbeat> All) : RunMessage;

    public sealed record Report(WorkerReport Outcome) : RunMessage;

    public sealed record Checkpointed(CheckpointWritten Checkpoint) : RunMessage;

    /// <summary>A complete checkpoint was found on disk. Its writer may have died before it could report it.</summary>
    public sealed record CheckpointFound(CheckpointMark Checkpoint) : RunMessage;

    /// <summary>A node offers to run workers. Sent when it starts, and repeated with every exchange.</summary>
    public sealed record NodeJoined(Node Node) : RunMessage;

    /// <summary>A node is lost together with its workers, which are restarted on other nodes.</summary>
    public sealed record NodeLost(string NodeId) : RunMessage;

    /// <summary>A worker's process ended. Signal n gives exit code 128 + n.</summary>
    public sealed record WorkerExited(string WorkerId, int ExitCode, IReadOnlyList<string> LastLines) : RunMessage
    {
        /// <summary>Number of the worker's process; null for the last one.</summary>
        public int? Start { get; init; }
    }

    /// <summary>Request to end the run: at a checkpoint, or at once without one.</summary>
    public sealed record StopRequested(string By, bool AtOnce) : RunMessage;

    public sealed record CheckpointRequested : RunMessage;

    /// <summary>The loss shows that the run diverged.</summary>
    public sealed record Diverged(Divergence Divergence) : RunMessage;

    /// <summary>
    /// Another coordinator process now hosts the run and has read this state from storage. Always its first message. Workers and nodes
    /// stay alive; the host must report nodes that it does not hear from as lost.
    /// </summary>
    /// <param name="RecordedStep">The last step in the run's ledger.</param>
    public sealed record TakenOver(long RecordedStep) : RunMessage
    {
        /// <summary>The last generation in the run's ledger; null if the ledger has every generation of the state.</summary>
        public int? RecordedGeneration { get; init; }
    }

    /// <summary>Time has passed.</summary>
    public sealed record Tick : RunMessage;
}
