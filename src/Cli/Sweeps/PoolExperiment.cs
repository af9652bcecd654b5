using System.Globalization;
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
/// A sweep's trials as an experiment on a pool. The sweep's folder keeps the experiment's name, so a later process finds it.
/// </summary>
internal sealed class PoolExperiment(OpenedSweep opened, IGrainFactory grains)
{
    private const int RandomBytes = 4;

    private IPoolGrain Pool => grains.GetGrain<IPoolGrain>(TrialDevices.PoolOf(opened.OnGpus));

    private IExperimentGrain? Experiment =>
        File.Exists(opened.Folder.Experiment) ? grains.GetGrain<IExperimentGrain>(File.ReadAllText(opened.Folder.Experiment).Trim()) : null;

    /// <exception cref="Coordinator.Protocol.CoordinatorLostException">No coordinator answers.</exception>
    public Task<PoolState> PoolAsync() => RemoteCluster.AskAsync(Pool.StateAsync);

    /// <summary>State of the sweep's newest experiment; null if this pool has none.</summary>
    /// <exception cref="Coordinator.Protocol.CoordinatorLostException">No coordinator answers.</exception>
    public async Task<ExperimentState?> StateAsync() =>
        Experiment is { } experiment && await RemoteCluster.AskAsync(experiment.StateAsync) is { Spec: not null } state ? state : null;

    /// <summary>Stops all trials at checkpoints. Returns false if the pool runs nothing of this sweep.</summary>
    /// <param name="by">The requester, for messages.</param>
    /// <exception cref="Coordinator.Protocol.CoordinatorLostException">No coordinator answers.</exception>
    public async Task<bool> CancelAsync(string by)
    {
        if (await StateAsync() is not { IsSettled: false })
        {
            return false;
        }

        return await RemoteCluster.AskAsync(async () =>
        {
            await Experiment!.CancelAsync(by);
            return true;
        });
    }

    /// <summary>Submits the trials that the experiment does not have: to a new one if the newest has ended early or has tried them.</summary>
    /// <param name="trials">Trials without results.</param>
    /// <param name="newest">State of the newest experiment.</param>
    /// <exception cref="ExperimentException">The pool cannot run a trial.</exception>
    /// <exception cref="Coordinator.Protocol.CoordinatorLostException">No coordinator answers.</exception>
    public async Task SubmitAsync(IReadOnlyList<Trial> trials, ExperimentState? newest)
    {
        var known = newest?.Trials.Select(trial => trial.Spec.Id).ToHashSet(StringComparer.Ordinal) ?? [];
        var isNew =
            newest is null || newest.EndedBecause is not null || (newest.IsSettled && trials.Any(trial => known.Contains(trial.Id)));
        var added = isNew ? trials : [.. trials.Where(trial => !known.Contains(trial.Id))];
        if (added.Count == 0)
        {
            return;
        }

        Check(added, await PoolAsync());
        foreach (var trial in added)
        {
            opened.Folder.WriteConfig(trial);
        }

        if (isNew)
        {
            // Other sweeps of this name may use the pool.
            var name = $"{opened.Sweep.Name}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RandomBytes))}";
            WholeFile.Write(opened.Folder.Experiment, name + "\n");
        }

        var experiment = Experiment!;
        var spec = new ExperimentSpec(experiment.GetPrimaryKeyString(), TrialDevices.PoolOf(opened.OnGpus), [.. added.Select(Spec)])
        {
            FailFast = newest is not null && !isNew ? newest.Spec!.FailFast : opened.Sweep.FailFast,
        };
        await RemoteCluster.AskAsync(async () =>
        {
            await experiment.SubmitAsync(spec);
            return true;
        });
    }

    private TrialSpec Spec(Trial trial) =>
        new(trial.Id, Path.GetFullPath(opened.Folder.Config(trial.Id)), opened.Sweep.DevicesOf(trial))
        {
            Directory = Environment.CurrentDirectory,
            DevicesPerWorker = DevicesPerWorker(Options(trial)),
            MaxAttempts = opened.Sweep.Retries + 1,
        };

    private RunOptions Options(Trial trial) => RunConfig.Parse($"{opened.Sweep.Path}: trial {trial.Id}", trial.Resolved.Config).Options;

    /// <summary>
    /// Devices of each worker, which are on one node: a GPU, or cores, all of the trial's if its workers cannot share them evenly.
    /// </summary>
    private int DevicesPerWorker(RunOptions options) =>
        opened.OnGpus ? 1
        : opened.Sweep.Cores % options.Cluster.Workers == 0 ? opened.Sweep.Cores / options.Cluster.Workers
        : opened.Sweep.Cores;

    private void Check(IReadOnlyList<Trial> trials, PoolState pool)
    {
        var sweep = opened.Sweep;
        foreach (var trial in trials)
        {
            var options = Options(trial);
            var perWorker = DevicesPerWorker(options);
            if (pool.Nodes.Count > 0 && !pool.HasRoom(sweep.DevicesOf(trial), perWorker))
            {
                throw new ExperimentException(
                    opened.OnGpus
                        ? $"{sweep.Path}: a trial needs {trial.Resolved.Gpus} GPUs, one for each worker, but the pool has "
                            + $"{pool.CountDevices()}. Lower cluster.workers, or start more nodes with --device."
                        : $"{sweep.Path}: a trial needs {sweep.Cores} cores"
                            + (perWorker == sweep.Cores ? " of one machine" : $", {perWorker} of one machine for each worker")
                            + $", but the pool has {pool.CountDevices()}, its largest node {pool.LargestNode}. Lower cores, start more "
                            + $"nodes, or let trials use several: set cluster.workers to a divisor of {sweep.Cores}."
                );
            }

            if (options.Alerts.Command.Length > 0)
            {
                throw new ExperimentException(
                    $"{sweep.Path}: alerts.command is {options.Alerts.Command} in ({trial.Describe()}), but nodes of a pool start no "
                        + "programs for others. Remove it, or use alerts.webhook."
                );
            }
        }
    }
}
