using System.Globalization;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Sweeps;

/// <summary>The process that runs a sweep: the only one that writes to its folder, since it holds its lock.</summary>
internal static class SweepProcess
{
    /// <summary>Runs a sweep on this machine.</summary>
    /// <param name="opened">The sweep.</param>
    /// <param name="devices">Names of the cores or GPUs that its trials share.</param>
    /// <returns>The exit code.</returns>
    public static Task<int> RunHereAsync(OpenedSweep opened, IReadOnlyList<string> devices)
    {
        var runner = new SweepRunner(
            opened.Sweep,
            opened.Folder,
            new LocalTrials(opened.Folder),
            new SweepPool(devices, Tell),
            TimeProvider.System
        );
        return RunAsync(
            opened,
            "running trials stop at a checkpoint. Run the same command again to continue.",
            async (trials, stop) =>
            {
                var isWhole = await runner.RunAsync(trials, stop);
                if (opened.Trials.All(trial => opened.Folder.Read(trial.Id).IsSettled))
                {
                    // Nothing is left for the pool that the sweep was given before.
                    File.Delete(opened.Folder.Experiment);
                }

                return isWhole;
            },
            (spent, wall) =>
                $"the {TrialDevices.Noun(opened.OnGpus)}s were busy for {Readable.Percent(spent / (wall * devices.Count))} of {Duration(wall)}"
        );
    }

    /// <summary>Runs a sweep on a pool, or watches it there.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunOnPoolAsync(OpenedSweep opened, RemoteOptions pool)
    {
        await using var cluster = await RemoteCluster.ToPoolAsync(pool);
        var sweep = new PoolSweep(opened, PoolExperiment.On(cluster, opened), Tell, TimeProvider.System);
        return await RunAsync(
            opened,
            "the pool continues the trials. Run the same command again to watch; `cliptrain sweep stop` stops them.",
            sweep.RunAsync,
            (spent, wall) =>
                $"they used {Readable.Number(spent / 3600)} {TrialDevices.Noun(opened.OnGpus)} hours of the pool in {Duration(wall)}"
        );
    }

    /// <summary>Runs the trials without results, predicts the held-out ones when the others have ended, and reports.</summary>
    /// <param name="opened">The sweep.</param>
    /// <param name="onSignal">What a signal causes, for the user.</param>
    /// <param name="run">Runs trials. Returns true if all of them ended with a result.</param>
    /// <param name="cost">Describes core seconds used within wall seconds.</param>
    private static async Task<int> RunAsync(
        OpenedSweep opened,
        string onSignal,
        Func<IReadOnlyList<Trial>, CancellationToken, Task<bool>> run,
        Func<double, double, string> cost
    )
    {
        var (sweep, trials, folder) = (opened.Sweep, opened.Trials, opened.Folder);
        Directory.CreateDirectory(folder.Path);
        using var @lock = Acquire(folder);
        WholeFile.Write(folder.Source, Path.GetFullPath(sweep.Path) + "\n");
        using var signals = new StopSignals();
        using var stop = new CancellationTokenSource();
        signals.Attach(by =>
        {
            Console.WriteLine($"Stopping ({by}): {onSignal}");
            stop.Cancel();
        });
        var began = TimeProvider.System.GetTimestamp();
        var before = trials.Sum(trial => folder.Read(trial.Id).CoreSeconds);
        if (await run([.. trials.Where(trial => !trial.IsHeldOut)], stop.Token) && sweep.Predict is not null)
        {
            Predict(opened);
            await run([.. trials.Where(trial => trial.IsHeldOut)], stop.Token);
        }

        var (spent, wall) = (
            trials.Sum(trial => folder.Read(trial.Id).CoreSeconds) - before,
            TimeProvider.System.GetElapsedTime(began).TotalSeconds
        );
        SweepReport.Write(opened);
        Console.WriteLine(
            $"{trials.Count(trial => folder.Read(trial.Id).IsSettled)} of {trials.Count} trials have ended; {cost(spent, wall)}."
        );

        // Like a run, a sweep that a command has stopped has not failed.
        return signals.ExitCode != ExitCodes.Ok ? signals.ExitCode
            : trials.Any(trial => folder.Read(trial.Id).State == TrialState.Failed) ? ExitCodes.TrainingFailed
            : ExitCodes.Ok;
    }

    private static string Duration(double seconds) => Readable.Duration(TimeSpan.FromSeconds(seconds));

    /// <summary>Records predictions for the held-out trials that have not started, from laws fitted to the other trials.</summary>
    private static void Predict(OpenedSweep opened)
    {
        var said = SweepPredictions.ReadAll(opened.Folder);
        var wanted = opened
            .Trials.Where(trial =>
                trial.IsHeldOut && !said.ContainsKey(trial.Id) && opened.Folder.Read(trial.Id).State == TrialState.Missing
            )
            .ToList();
        if (wanted.Count == 0)
        {
            return;
        }

        foreach (var warning in SweepResults.LeftOut(opened.Sweep, opened.Folder, opened.Trials))
        {
            Tell(warning);
        }

        var made = SweepPredictions.Make(opened.Sweep, opened.Folder, opened.Trials, wanted, TimeProvider.System);
        foreach (var prediction in made.Predictions)
        {
            Tell(
                $"{prediction.Trial}: {prediction.Law} predicts {Readable.Number(prediction.Value)}, 90% interval "
                    + $"{Readable.Number(prediction.Low)} to {Readable.Number(prediction.High)}"
            );
        }

        Tell($"predictions written with hash {made.Hash}");
    }

    private static RunLock Acquire(SweepFolder folder) =>
        RunLock.IsHeld(folder.Lock)
            ? throw new UsageException($"{folder.Path}: another process runs this sweep. `cliptrain sweep status` shows its progress.")
            : RunLock.Acquire(folder.Lock, TimeProvider.System);

    private static void Tell(string line) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetLocalNow():HH:mm:ss} {line}"));
}
