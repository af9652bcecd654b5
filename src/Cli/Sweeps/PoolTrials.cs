using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Runs;
using Ended = ClipTrain.Coordinator.Protocol.TrialEnd;
using TrialEnd = ClipTrain.Experiments.Sweeps.TrialEnd;

namespace ClipTrain.Cli.Sweeps;

/// <summary>
/// Runs trials of a pool as processes of this program. A pool names a configuration file, never a command; programs that a
/// configuration names for alerts are not started.
/// </summary>
/// <param name="node">This node.</param>
/// <param name="processes">Its processes.</param>
/// <param name="tell">Receives the lines that nodes' processes print.</param>
internal sealed class PoolTrials(TrialNode node, NodeProcesses processes, Action<string> tell) : ITrialHost
{
    public async Task<Ended> RunAsync(TrialStart start, CancellationToken stop) =>
        Problem(start.Trial) is { } problem
            ? new Ended(start.Attempt, TrialEndKind.Failed, problem)
            : Ended(start.Attempt, await (start.Lease.Nodes.Count > 1 ? RunPartAsync(start, stop) : Process(start).RunAsync(stop)));

    private TrialProcess Process(TrialStart start) =>
        new(SweepFolder.OfConfig(start.Trial.RunFile), start.Trial.Id, DevicesOf(start))
        {
            WorkingDirectory = start.Trial.Directory,
            IsManaged = true,
            Coordinates = start.Lease.Nodes.Count > 1 ? node : null,
        };

    /// <summary>Runs this node's workers of a trial that spans nodes, and on the first node of its lease the coordinator.</summary>
    private async Task<TrialEnd> RunPartAsync(TrialStart start, CancellationToken stop)
    {
        var run = new RunFiles(Path.Combine(SweepFolder.OfConfig(start.Trial.RunFile).Trials, start.Trial.Id));
        await using var workers = TrialWorkers.Of(start, DevicesOf(start), run, node, tell);
        workers.Start();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var part = start.Lease.Nodes[0] == node.Name ? Process(start).RunAsync(ending.Token) : UntilAsync(ending.Token);
        if (await Task.WhenAny(part, workers.Failing) == part)
        {
            return await part;
        }

        await ending.CancelAsync();
        var end = await part;
        return end is TrialEnd.Stopped && !stop.IsCancellationRequested
            ? new TrialEnd.Failed($"its workers on {node.Name} do not run: {await workers.Failing}")
            : end;
    }

    private static async Task<TrialEnd> UntilAsync(CancellationToken stop)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return new TrialEnd.Stopped();
    }

    private TrialDevices DevicesOf(TrialStart start) => new(start.Lease.DevicesOf(node.Name)) { Node = processes };

    /// <summary>Why a trial cannot start here; null if it can.</summary>
    private static string? Problem(TrialSpec trial)
    {
        if (!Path.IsPathFullyQualified(trial.RunFile) || SweepFolder.OfConfig(trial.RunFile).Config(trial.Id) != trial.RunFile)
        {
            return $"{trial.RunFile} is not the configuration of trial {trial.Id} in a sweep's folder";
        }

        var missing =
            !Directory.Exists(trial.Directory) ? trial.Directory
            : !File.Exists(trial.RunFile) ? trial.RunFile
            : null;
        return missing is null
            ? null
            : $"{Environment.MachineName} does not see {missing}: the sweep's folders must be on a file system that all nodes share";
    }

    private static Ended Ended(RunAttempt attempt, TrialEnd end) =>
        end switch
        {
            TrialEnd.Done done => new Ended(attempt, TrialEndKind.Completed) { Figures = done.Figures },
            TrialEnd.Diverged diverged => new Ended(attempt, TrialEndKind.Diverged, diverged.Reason),
            TrialEnd.Failed failed => new Ended(attempt, TrialEndKind.Failed, failed.Reason),
            _ => new Ended(attempt, TrialEndKind.Stopped),
        };
}
