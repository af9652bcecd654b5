using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Services of a silo's process for the run that it hosts. Tests host runs without files.</summary>
public interface IRunHosting
{
    /// <summary>Name of the run.</summary>
    string RunId { get; }

    /// <summary>The run's resolved configuration and corpus manifest.</summary>
    RunFilesOffer Files { get; }

    /// <summary>
    /// True if an activation here may continue from the state of an earlier one; false if it must wait for this process to start the run
    /// (<see cref="IRunGrain.StartAsync"/>).
    /// </summary>
    bool MayTakeOver { get; }

    /// <summary>The newest step recorded here; null in processes that do not host the run.</summary>
    StepMetrics? LastStep { get; }

    /// <summary>Opens the run's records for an activation and fences off their previous user.</summary>
    /// <param name="term">Term of the activation.</param>
    /// <param name="state">The state that the run continues from.</param>
    IRunRecords Open(long term, RunState state);

    /// <summary>True if this process sees a step's checkpoint on disk.</summary>
    bool SeesCheckpoint(long step) => true;

    /// <summary>Stores the steps to pass over from now on, for later resumes. May be repeated.</summary>
    void PassOver(IReadOnlyList<StepRange> steps) { }

    /// <summary>Sets aside what was recorded after a step.</summary>
    void GoBack(long step) { }

    /// <summary>Evaluates an ended run and writes its summary. Does not throw; not called again once it has returned.</summary>
    Task ConcludeAsync(RunOutcome outcome);

    /// <summary>Lets the process end: the end of the run is stored, or another process hosts it.</summary>
    void Leave();

    /// <summary>Reports an unexpected error in a turn.</summary>
    void OnDefect(Exception error);
}

/// <summary>The ledger and observer of a hosted run, for the lifetime of an activation.</summary>
public interface IRunRecords : IDisposable
{
    IRunLedger Ledger { get; }

    IRunObserver Observer { get; }

    /// <summary>The newest checkpoint of the run on disk, reported or not; null if there is none.</summary>
    CheckpointMark? FindCheckpoint();

    /// <summary>The shards of a generation that starts at a step, by rank.</summary>
    IReadOnlyList<Shard> Shards(int worldSize, long step);
}
