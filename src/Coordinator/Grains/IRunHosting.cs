using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>What a silo's process does for the run that it hosts. Tests host runs without files.</summary>
public interface IRunHosting
{
    /// <summary>Name of the run.</summary>
    string RunId { get; }

    /// <summary>The run's resolved configuration and manifest.</summary>
    RunFilesOffer Files { get; }

    /// <summary>
    /// True when an activation here goes on with what an earlier one has left; false while it must wait until this process
    /// says how the run begins (<see cref="IRunGrain.StartAsync"/>).
    /// </summary>
    bool MayTakeOver { get; }

    /// <summary>The newest step that was recorded here; null on processes that do not host the run.</summary>
    StepMetrics? LastStep { get; }

    /// <summary>Opens the run's records for an activation; whoever had them open before is fenced off.</summary>
    /// <param name="epoch">That of the activation.</param>
    /// <param name="state">The state that the run goes on from.</param>
    IRunRecords Open(long epoch, RunState state);

    /// <summary>
    /// The run has ended and its workers are told: evaluates, writes the summary. Throws nothing; not called again once it has returned.
    /// </summary>
    Task ConcludeAsync(RunOutcome outcome);

    /// <summary>The end of the run is stored, or another process has the run: this one may end.</summary>
    void Leave();

    /// <summary>A turn has failed by an error that nothing foresaw.</summary>
    void OnDefect(Exception error);
}

/// <summary>Where a hosted run is written down and shown, from the start of an activation to its end.</summary>
public interface IRunRecords : IDisposable
{
    IRunLedger Ledger { get; }

    IRunObserver Observer { get; }

    /// <summary>The newest checkpoint that the run has written, told of or not; null when there is none.</summary>
    CheckpointMark? FindCheckpoint();

    /// <summary>What each rank of a generation reads from a step on, by rank.</summary>
    IReadOnlyList<Shard> Shards(int worldSize, long step);
}
