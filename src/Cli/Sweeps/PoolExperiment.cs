using System.Security.Cryptography;
using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Sweeps;

/// <summary>
/// A sweep's trials as an experiment on a pool. The sweep's folder keeps the name of the experiment, so a later process finds it, and the
/// id of the pool's cluster, so that no second pool runs the trials at the same time.
/// </summary>
/// <param name="opened">The sweep.</param>
/// <param name="grains">The pool.</param>
/// <param name="cluster">Id of the pool's cluster.</param>
/// <param name="time">The clock for watching.</param>
internal sealed class PoolExperiment(OpenedSweep opened, IGrainFactory grains, string cluster, TimeProvider time)
{
    private const int RandomBytes = 4;

    public static PoolExperiment On(RemoteCluster pool, OpenedSweep opened) =>
        new(opened, pool.Client.Grains, pool.Client.ClusterId, TimeProvider.System);

    private IPoolGrain Pool => grains.GetGrain<IPoolGrain>(TrialDevices.PoolOf(opened.OnGpus));

    /// <summary>Name of a new experiment: others may be of a sweep with the same name, or of an earlier run of this one.</summary>
    public static string NewName(string of) => $"{of}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RandomBytes))}";

    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task<PoolState> PoolAsync() => RemoteCluster.AskAsync(Pool.StateAsync);

    /// <summary>State of the sweep's newest experiment; null if this pool has none.</summary>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public Task<ExperimentState?> StateAsync() => StateAsync(RemoteCluster.AskAsync);

    /// <summary>The same for a process that watches, and waits for the pool as long as its nodes do.</summary>
    /// <param name="tell">Receives a line when the pool stops answering, and when it answers again.</param>
    /// <param name="stop">Cancelled to watch no more.</param>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> is cancelled, and nobody answers.</exception>
    public Task<ExperimentState?> WatchAsync(Action<string> tell, CancellationToken stop) =>
        StateAsync(call => RemoteCluster.WatchAsync(call, tell, time, stop));

    /// <summary>Stops all trials at checkpoints. Returns false if the pool runs nothing of this sweep.</summary>
    /// <param name="by">The requester, for messages.</param>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task<bool> CancelAsync(string by)
    {
        if (await StateAsync() is not { IsSettled: false } state)
        {
            return false;
        }

        await RemoteCluster.AskAsync(() => Grain(state.Spec!.Name).CancelAsync(by));
        return true;
    }

    /// <summary>Submits the trials that the experiment does not have: to a new one if the newest has ended early or has tried them.</summary>
    /// <param name="trials">Trials without results.</param>
    /// <param name="newest">State of the newest experiment.</param>
    /// <returns>Why the experiment refuses them, for example because it has ended since; null if it has them.</returns>
    /// <exception cref="ExperimentException">The pool cannot run a trial.</exception>
    /// <exception cref="CoordinatorLostException">No coordinator answers.</exception>
    public async Task<string?> SubmitAsync(IReadOnlyList<Trial> trials, ExperimentState? newest)
    {
        var tried = newest?.Trials.Select(trial => trial.Spec.Id).ToHashSet(StringComparer.Ordinal) ?? [];
        var isNew =
            newest is null || newest.EndedBecause is not null || (newest.IsSettled && trials.Any(trial => tried.Contains(trial.Id)));
        var added = isNew ? trials : [.. trials.Where(trial => !tried.Contains(trial.Id))];
        if (added.Count == 0)
        {
            return null;
        }

        RefuseOtherPool(added);
        var pool = await PoolAsync();
        TrialSpec[] specs = [.. added.Select(trial => Spec(trial, pool))];
        foreach (var trial in added)
        {
            opened.Folder.WriteConfig(trial);
        }

        var known = isNew ? null : newest!.Spec;
        var spec = new ExperimentSpec(known?.Name ?? NewName(opened.Sweep.Name), TrialDevices.PoolOf(opened.OnGpus), specs)
        {
            FailFast = known?.FailFast ?? opened.Sweep.FailFast,
        };
        WholeFile.Write(opened.Folder.Experiment, $"{spec.Name}\n{cluster}\n");
        try
        {
            await RemoteCluster.AskAsync(() => Grain(spec.Name).SubmitAsync(spec));
            return null;
        }
        catch (CoordinatorRefusedException error)
        {
            return error.Message;
        }
    }

    private async Task<ExperimentState?> StateAsync(Func<Func<Task<ExperimentState>>, Task<ExperimentState>> ask) =>
        Newest() is [var name, ..] && await ask(Grain(name).StateAsync) is { Spec: not null } state ? state : null;

    /// <summary>The newest experiment's name and its pool's cluster, which earlier versions did not note; empty if there is none.</summary>
    private string[] Newest() => File.Exists(opened.Folder.Experiment) ? File.ReadAllLines(opened.Folder.Experiment) : [];

    /// <exception cref="ExperimentException">Another pool may still run one of the trials.</exception>
    private void RefuseOtherPool(IReadOnlyList<Trial> added)
    {
        if (
            Newest() is [_, var other, ..]
            && other != cluster
            && added.Any(trial => opened.Folder.Read(trial.Id).State != Experiments.Sweeps.TrialState.Failed)
        )
        {
            throw new ExperimentException(
                $"{opened.Sweep.Path}: another pool was given this sweep and may still run its trials. Stop them there with `cliptrain sweep "
                    + $"stop {opened.Sweep.Name} --coordinator …`, unless that pool is gone for good; then delete {opened.Folder.Experiment} "
                    + "and run this command again."
            );
        }
    }

    private IExperimentGrain Grain(string name) => grains.GetGrain<IExperimentGrain>(name);

    /// <exception cref="ExperimentException">The pool cannot run the trial.</exception>
    private TrialSpec Spec(Trial trial, PoolState pool)
    {
        var sweep = opened.Sweep;
        var options = RunConfig.Parse($"{sweep.Path}: trial {trial.Id}", trial.Resolved.Config).Options;
        var (devices, perWorker) = (sweep.DevicesOf(trial), DevicesPerWorker(options));
        if (pool.Nodes.Count > 0 && !pool.HasRoom(devices, perWorker))
        {
            throw new ExperimentException(
                opened.OnGpus
                    ? $"{sweep.Path}: a trial needs {devices} GPUs, one for each worker, but the pool has {pool.CountDevices()}. Lower "
                        + "cluster.workers, or start more nodes with --device."
                    : $"{sweep.Path}: a trial needs {devices} cores"
                        + (perWorker == devices ? " of one machine" : $", {perWorker} of one machine for each worker")
                        + $", but the pool has {pool.CountDevices()}, its largest node {pool.LargestNode}. Lower cores, start more "
                        + $"nodes, or let trials use several: set cluster.workers to a divisor of {devices}."
            );
        }

        if (options.Alerts.Command.Length > 0)
        {
            throw new ExperimentException(
                $"{sweep.Path}: alerts.command is {options.Alerts.Command} in ({trial.Describe()}), but nodes of a pool start no "
                    + "programs for others. Remove it, or use alerts.webhook."
            );
        }

        return new TrialSpec(trial.Id, Path.GetFullPath(opened.Folder.Config(trial.Id)), devices)
        {
            Directory = Environment.CurrentDirectory,
            DevicesPerWorker = perWorker,
            MaxAttempts = sweep.Retries + 1,
        };
    }

    /// <summary>
    /// Devices of each worker, which are on one node: a GPU, or cores, all of the trial's if its workers cannot share them evenly.
    /// </summary>
    private int DevicesPerWorker(RunOptions options) =>
        opened.OnGpus ? 1
        : opened.Sweep.Cores % options.Cluster.Workers == 0 ? opened.Sweep.Cores / options.Cluster.Workers
        : opened.Sweep.Cores;
}
