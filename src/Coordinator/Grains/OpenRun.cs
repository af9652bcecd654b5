using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Grains;

/// <summary>The ledger, observer and shards of a run while one activation hosts it.</summary>
internal sealed class OpenRun : IDisposable
{
    private readonly IRunRecords _records;
    private readonly RecordKeeper _keeper;
    private readonly long _recordedStep;
    private IReadOnlyList<Shard> _shards = [];

    public OpenRun(IRunRecords records, RunState state, ILogger logger)
    {
        _records = records;

        // After a return to a checkpoint the ledger still holds later steps, which the first generation undoes.
        _recordedStep = state.Assignment is null ? state.RecordedStep : records.Ledger.RecordedStep;
        Observer = new GuardedObserver(records.Observer, logger);
        _keeper = new RecordKeeper(records.Ledger, Observer, _recordedStep);
    }

    public IRunObserver Observer { get; }

    /// <summary>Computes the shards of the generation in progress, if there is one.</summary>
    public void ComputeShards(RunState state)
    {
        if (state is { Phase: RunPhase.Running, Assignment: { } assignment })
        {
            _shards = _records.Shards(assignment.WorldSize, assignment.StartStep);
        }
    }

    /// <summary>The first message of the activation.</summary>
    public RunMessage.TakenOver TakenOver(RunState state)
    {
        // The ledger may hold the generations of an earlier start of the run.
        var isRecorded =
            _records.Ledger.LastGeneration is { } last
            && last.Generation == state.Generation
            && last.StartStep == state.Assignment?.StartStep;
        return new RunMessage.TakenOver(_recordedStep) { RecordedGeneration = isRecorded ? state.Generation : state.Generation - 1 };
    }

    /// <summary>A checkpoint on disk that is newer than the last one the state knows; null if there is none.</summary>
    public CheckpointMark? FindNewerCheckpoint(RunState state) =>
        _records.FindCheckpoint() is { } found && found.Step > (state.LastCheckpoint?.Step ?? 0) ? found : null;

    /// <summary>Records a new generation together with the digests of its shards.</summary>
    /// <returns>The shards, by rank.</returns>
    public async Task<IReadOnlyList<Shard>> RecordAsync(GenerationRecord generation, Assignment assignment)
    {
        _shards = _records.Shards(assignment.WorldSize, assignment.StartStep);
        await _keeper.RecordAsync(generation with { Shards = [.. _shards.Select(shard => shard.Digest())] });
        return _shards;
    }

    public Task RecordAsync(IReadOnlyList<StepRecord> steps) => _keeper.RecordAsync(steps);

    /// <summary>Retries the writes that failed before.</summary>
    public Task FlushAsync() => _keeper.FlushAsync();

    /// <summary>The assignment and shard of a worker; null if it has no rank in the generation in progress.</summary>
    public WorkerShard? ShardOf(RunState state, string workerId) =>
        state.Find(workerId) is { IsAssigned: true, Rank: { } rank } member && _shards.Count > rank
            ? new WorkerShard(Formation.AssignmentOf(state, member), _shards[rank])
            : null;

    /// <summary>Withholds the acknowledgement of steps that the ledger could not store yet, and asks for no more of them.</summary>
    public HeartbeatAnswer Acknowledge(HeartbeatAnswer answer)
    {
        var safe = _keeper.SafeStep(answer.RecordedStep);
        return safe < answer.RecordedStep ? answer with { RecordedStep = safe, WantsMoreRecords = false } : answer;
    }

    public void Dispose() => _records.Dispose();
}
