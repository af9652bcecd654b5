using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// The records of a run that is evaluated and summed up: nothing is added to them or shown any more. Late workers are still
/// told that the run has ended.
/// </summary>
/// <param name="state">The state that the run has ended in.</param>
internal sealed class ConcludedRecords(RunState state) : IRunRecords, IRunLedger, IRunObserver
{
    public IRunLedger Ledger => this;

    public IRunObserver Observer => this;

    public long RecordedStep => state.RecordedStep;

    public GenerationRecord? LastGeneration => null;

    public CheckpointMark? FindCheckpoint() => null;

    public IReadOnlyList<Shard> Shards(int worldSize, long step) => [];

    public Task AppendAsync(IReadOnlyList<LedgerEntry> entries) => Task.CompletedTask;

    public void OnStatus(RunState state) { }

    public void OnSteps(IReadOnlyList<StepRecord> steps) { }

    public void OnWarning(string text) { }

    public void OnWorkerLine(WorkerLine line) { }

    public void Dispose() { }
}
