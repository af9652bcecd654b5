using ClipTrain.Coordinator.Protocol;
using Orleans.Concurrency;
using Orleans.Placement;

namespace ClipTrain.Coordinator.Grains;

/// <summary>
/// One worker's position in a run: what it is assigned, what it reads, and the way to its process. Its key is RUN/WORKER.
/// </summary>
public interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>Called by the run when a generation has formed.</summary>
    [ResponseTimeout("00:00:08")]
    Task AssignAsync(long epoch, WorkerShard shard);

    /// <summary>The shard of a generation; null when the worker has no assignment in it.</summary>
    [ResponseTimeout("00:00:08")]
    Task<WorkerShard?> ShardAsync(int generation);

    /// <summary>Called by the worker's process: where it can be reached.</summary>
    [ResponseTimeout("00:00:08")]
    Task AttachAsync(IWorkerObserver process);

    /// <summary>
    /// Called by the run when a generation is over: the process should send a heartbeat at once. Losing it costs only time.
    /// </summary>
    [OneWay]
    Task BeatNowAsync();

    [ResponseTimeout("00:00:08")]
    Task<WorkerStatus> StatusAsync();
}

/// <summary>The worker's process, as its grain reaches it.</summary>
public interface IWorkerObserver : IGrainObserver
{
    /// <summary>Something has changed that the answer to a heartbeat tells.</summary>
    [OneWay]
    Task BeatNowAsync();
}

/// <summary>A worker's assignment in a generation, and the samples that it reads there.</summary>
[GenerateSerializer, Immutable]
public sealed record WorkerShard([property: Id(0)] Assignment Assignment, [property: Id(1)] Shard Shard);

/// <summary>A worker as its grain knows it.</summary>
/// <param name="Shard">Its last assignment; null when the grain has seen none.</param>
/// <param name="IsAttached">True once its process can be reached.</param>
[GenerateSerializer, Immutable]
public sealed record WorkerStatus([property: Id(0)] WorkerShard? Shard, [property: Id(1)] bool IsAttached);

/// <summary>Keeps nothing that the run does not know: one that is lost with its silo asks the run.</summary>
[Reentrant, PreferLocalPlacement]
public sealed class WorkerGrain : Grain, IWorkerGrain
{
    private long _epoch;
    private WorkerShard? _shard;
    private IWorkerObserver? _process;

    public static string KeyOf(string run, string workerId) => $"{run}/{workerId}";

    public Task AssignAsync(long epoch, WorkerShard shard)
    {
        if (epoch >= _epoch)
        {
            (_epoch, _shard) = (epoch, shard);
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
