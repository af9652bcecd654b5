using ClipTrain.Coordinator.Protocol;
using Orleans.Concurrency;
using Orleans.Placement;

namespace ClipTrain.Coordinator.Grains;

/// <summary>A worker of a run: its assignment, its shard, and the connection to its process. Its key is RUN/WORKER.</summary>
public interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>Called by the run when a generation has formed.</summary>
    [ResponseTimeout("00:00:08")]
    Task AssignAsync(long term, WorkerShard shard);

    /// <summary>The shard of a generation; null if the worker has no assignment in it.</summary>
    [ResponseTimeout("00:00:08")]
    Task<WorkerShard?> ShardAsync(int generation);

    /// <summary>Called by the worker's process to register itself.</summary>
    [ResponseTimeout("00:00:08")]
    Task AttachAsync(IWorkerObserver process);

    /// <summary>
    /// Called by the run when a generation is over: asks the process for a heartbeat at once. A lost call only costs time.
    /// </summary>
    [OneWay]
    Task BeatNowAsync();

    [ResponseTimeout("00:00:08")]
    Task<WorkerStatus> StatusAsync();
}

/// <summary>The worker's process, as seen by its grain.</summary>
public interface IWorkerObserver : IGrainObserver
{
    /// <summary>Asks for a heartbeat at once, because its answer has changed.</summary>
    [OneWay]
    Task BeatNowAsync();
}

/// <summary>A worker's assignment and shard in a generation.</summary>
[GenerateSerializer, Immutable]
public sealed record WorkerShard([property: Id(0)] Assignment Assignment, [property: Id(1)] Shard Shard);

/// <summary>Status of a worker according to its grain.</summary>
/// <param name="Shard">Its last assignment; null if the grain has seen none.</param>
/// <param name="IsAttached">True once its process can be reached.</param>
[GenerateSerializer, Immutable]
public sealed record WorkerStatus([property: Id(0)] WorkerShard? Shard, [property: Id(1)] bool IsAttached);

/// <summary>Keeps only what the run knows too: after the loss of its silo the grain asks the run.</summary>
[Reentrant, PreferLocalPlacement]
public sealed class WorkerGrain : Grain, IWorkerGrain
{
    private long _term;
    private WorkerShard? _shard;
    private IWorkerObserver? _process;

    public static string KeyOf(string run, string workerId) => $"{run}/{workerId}";

    public Task AssignAsync(long term, WorkerShard shard)
    {
        if (term >= _term)
        {
            (_term, _shard) = (term, shard);
        }

        return Task.CompletedTask;
    }

    public async Task<WorkerShard?> ShardAsync(int generation)
    {
        if (_shard?.Assignment.Generation != generation)
        {
            var (run, worker) = Key();
            _shard = await GrainFactory.GetGrain<IRunGrain>(run).ShardAsync(worker);
        }

        return _shard?.Assignment.Generation == generation ? _shard : null;
    }

    public Task AttachAsync(IWorkerObserver process)
    {
        _process = process;
        return Task.CompletedTask;
    }

    public Task BeatNowAsync() => _process?.BeatNowAsync() ?? Task.CompletedTask;

    public Task<WorkerStatus> StatusAsync() => Task.FromResult(new WorkerStatus(_shard, _process is not null));

    private (string Run, string Worker) Key()
    {
        var key = this.GetPrimaryKeyString();
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return (key[..slash], key[(slash + 1)..]);
    }
}
