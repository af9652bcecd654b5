using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// The records of a concluded run, which accept and publish nothing more. Late workers still learn that the run has ended.
/// </summary>
/// <param name="state">The final state of the run.</param>
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
