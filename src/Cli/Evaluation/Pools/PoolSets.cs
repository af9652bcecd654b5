using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;
using Serilog;

namespace ClipTrain.Cli.Evaluation.Pools;

/// <summary>
/// Measures the sets of a suite on a pool: an experiment with a trial for each set. Jobs and results are in a folder of its name under the
/// current one, which is deleted at the end, or by the next evaluation if this one is killed or loses the pool: its lock is then free.
/// </summary>
/// <param name="pool">The pool.</param>
/// <param name="encoding">The processes that embed each set.</param>
internal sealed class PoolSets(RemoteOptions pool, SetEncoding encoding) : ISetSource
{
    private const string Kind = "eval",
        LockFile = "evaluation.lock";

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private string Pool => TrialDevices.PoolOf(encoding.OnGpus);

    public IReadOnlyList<SetResult> Measure(SuiteModel model, SuiteOptions suite, SuiteScope scope, ILogger log)
    {
        var sets = SuiteRun.Measured(suite, SuiteEvaluation.Columns(model.Opened.Run), scope, model.Opened.HasSharedSpace);
        return sets.Count == 0 ? [] : MeasureAsync(model, suite, sets, scope, log).GetAwaiter().GetResult();
    }

    private async Task<IReadOnlyList<SetResult>> MeasureAsync(
        SuiteModel model,
        SuiteOptions suite,
        IReadOnlyList<SetOptions> sets,
        SuiteScope scope,
        ILogger log
    )
    {
        await using var cluster = await RemoteCluster.ToPoolAsync(pool);
        CheckSize(await RemoteCluster.AskAsync(cluster.Client.Grains.GetGrain<IPoolGrain>(Pool).StateAsync));
        await EndAbandonedAsync(cluster.Client.Grains, log);
        var name = PoolExperiment.NewName(Kind);
        var folder = Directory.CreateDirectory(name).FullName;
        using var @lock = RunLock.Acquire(Path.Combine(folder, LockFile), TimeProvider.System);
        var isLost = false;
        try
        {
            var job = new SetJob(
                Path.GetFullPath(Path.Exists(model.Path) ? model.Path : RunFiles.Find(model.Path).Directory),
                model.Architecture,
                WeightHash.Of(model.Opened.Weights),
                suite with
                {
                    Robustness = [],
                    Humans = [],
                    Audits = [],
                    Overlaps = [],
                },
                scope.Tasks,
                encoding
            );
            foreach (var (number, set) in sets.Index())
            {
                (job with { Suite = job.Suite with { Sets = [set] } }).Write(SetJob.FileOf(folder, number));
            }

            await RunAsync(
                cluster.Client.Grains.GetGrain<IExperimentGrain>(name),
                new ExperimentSpec(name, Pool, [.. sets.Select((set, number) => Trial(set, SetJob.FileOf(folder, number)))])
                {
                    FailFast = true,
                },
                log
            );
            return [.. sets.SelectMany((_, number) => SetResultFile.Read(SetJob.ResultOf(SetJob.FileOf(folder, number))))];
        }
        catch (CoordinatorLostException)
        {
            // The pool may still measure the sets.
            isLost = true;
            throw;
        }
        finally
        {
            if (!isLost)
            {
                Delete(folder, log);
            }
        }
    }

    /// <summary>Ends the evaluations of this folder whose processes ended before them: their sets would still take the pool's devices.</summary>
    private static async Task EndAbandonedAsync(IGrainFactory grains, ILogger log)
    {
        foreach (var folder in Directory.GetDirectories(Environment.CurrentDirectory, $"{Kind}-*"))
        {
            var @lock = Path.Combine(folder, LockFile);
            if (!File.Exists(@lock) || RunLock.IsHeld(@lock))
            {
                continue;
            }

            log.Information("{Folder:l} is of an evaluation that was killed or lost the pool: ending it.", folder);
            var experiment = grains.GetGrain<IExperimentGrain>(Path.GetFileName(folder));
            while (await RemoteCluster.AskAsync(experiment.StateAsync) is { Spec: not null, IsSettled: false })
            {
                await RemoteCluster.AskAsync(() => experiment.CancelAsync("cliptrain eval"));
                await Task.Delay(Poll);
            }

            Delete(folder, log);
        }
    }

    private static void Delete(string folder, ILogger log)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (IOException error)
        {
            // A process whose node the pool has lost may still write to it.
            log.Warning("{Folder:l} could not be deleted: {Reason:l}", folder, error.Message);
        }
    }

    private TrialSpec Trial(SetOptions set, string job) =>
        new(set.Name, job, encoding.Workers) { Directory = Environment.CurrentDirectory, DevicesPerWorker = encoding.Workers };

    private void CheckSize(PoolState state)
    {
        if (state.Nodes.Count > 0 && encoding.Workers > state.LargestNode)
        {
            throw new UsageException(
                $"--workers is {encoding.Workers}: each set needs as many {TrialDevices.Noun(encoding.OnGpus)}s of one machine, but the "
                    + "largest node of the pool offers "
                    + $"{state.LargestNode}. Lower --workers, or start a node with more."
            );
        }
    }

    /// <summary>Runs all trials; a signal withdraws them. On return the pool has none left.</summary>
    private static async Task RunAsync(IExperimentGrain experiment, ExperimentSpec spec, ILogger log)
    {
        var followers = spec
            .Trials.Select(trial => LogFollower.Start(SetJob.LogOf(trial.RunFile), Console.Out, TimeProvider.System))
            .ToList();
        using var signals = new StopSignals();
        using var stop = new CancellationTokenSource();
        signals.Attach(by =>
        {
            log.Information("Stopping ({By:l}): the pool ends the sets.", by);
            stop.Cancel();
        });
        try
        {
            await RemoteCluster.AskAsync(() => experiment.SubmitAsync(spec));
            var watch = new SetWatch(log);
            if (await WatchAsync(experiment, watch, log, stop.Token) is not { } state)
            {
                await RemoteCluster.AskAsync(() => experiment.CancelAsync("cliptrain eval"));
                while (!watch.Look(state = await RemoteCluster.AskAsync(experiment.StateAsync)).IsSettled)
                {
                    await Task.Delay(Poll, CancellationToken.None);
                }
            }

            Require(state, signals);
        }
        finally
        {
            foreach (var follower in followers)
            {
                await follower.DisposeAsync();
            }
        }
    }

    /// <summary>Watches until all trials are over. Returns the state then; null once it is to stop.</summary>
    private static async Task<ExperimentState?> WatchAsync(IExperimentGrain experiment, SetWatch watch, ILogger log, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var state = await RemoteCluster.WatchAsync(
                    experiment.StateAsync,
                    line => log.Warning("{Line:l}", line),
                    TimeProvider.System,
                    stop
                );
                if (watch.Look(state).IsSettled)
                {
                    return state;
                }

                await Task.Delay(Poll, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Throws unless every trial has completed.</summary>
    private static void Require(ExperimentState state, StopSignals signals)
    {
        if (state.Spec is null)
        {
            throw new EncodingWorkerException(
                "The pool has lost its state, and with it this evaluation: start it with its former --directory, and run the command again.",
                ExitCodes.WorkerLost
            );
        }

        if (state.Trials.FirstOrDefault(trial => trial.Status == TrialStatus.Failed) is { } failed)
        {
            var exit = failed.Figures?.TryGetValue(SetHost.ExitCode, out var code) == true ? (int)code : ExitCodes.WorkerLost;
            throw new EncodingWorkerException(failed.Text!, exit);
        }

        if (state.Trials.Any(trial => trial.Status != TrialStatus.Completed))
        {
            throw new SuiteStoppedException(signals.ExitCode);
        }
    }
}
