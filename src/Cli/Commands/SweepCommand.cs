using System.CommandLine;
using System.Globalization;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain sweep plan|run|status|stop|report</c>: runs the trials of a sweep file.</summary>
public static class SweepCommand
{
    public static Command Create() =>
        new("sweep", "Run the trials of a sweep file and fit laws to their results.")
        {
            Simple("plan", "List the trials of a sweep and their cost.", Plan),
            CreateRun(),
            CreateStatus(),
            CreateStop(),
            Simple(
                "report",
                "Write results.csv, laws and report.html of the finished trials.",
                opened =>
                {
                    SweepReport.Write(opened);
                    return ExitCodes.Ok;
                }
            ),
        };

    private static Command Simple(string name, string description, Func<OpenedSweep, int> action)
    {
        var sweep = SweepArgument();
        var command = new Command(name, description) { sweep };
        command.SetAction(parsed => action(OpenedSweep.Open(parsed.GetRequiredValue(sweep))));
        return command;
    }

    private static Command CreateRun()
    {
        var sweep = SweepArgument();
        var cores = new Option<int?>("--cores") { Description = "Number of cores shared by the trials of this machine. Default: all." };
        var devices = new Option<string[]>("--device")
        {
            Description = "GPU shared by the trials of this machine if they compute on GPUs, e.g. cuda:0. Repeatable.",
            DefaultValueFactory = _ => [],
        };
        var pool = new RemoteArguments();
        var command = new Command(
            "run",
            "Run all trials without results, several in parallel. Repeat the command to continue after Ctrl-C, a crash or new axes."
        )
        {
            sweep,
            cores,
            devices,
        };
        pool.AddTo(command);
        command.SetAction(async parsed =>
        {
            var (opened, count, gpus) = (
                OpenedSweep.Open(parsed.GetRequiredValue(sweep)),
                parsed.GetValue(cores),
                parsed.GetRequiredValue(devices)
            );
            if (!pool.IsGiven(parsed))
            {
                return await RunHereAsync(opened, DevicesHere(opened, count, gpus));
            }

            return count is null && gpus.Length == 0
                ? await RunOnPoolAsync(opened, pool.Of(parsed))
                : throw new UsageException(
                    "--cores and --device are for trials of this machine; a pool's nodes offer their own. Remove them."
                );
        });
        return command;
    }

    /// <summary>The devices of this machine that a sweep's trials share.</summary>
    private static IReadOnlyList<string> DevicesHere(OpenedSweep opened, int? cores, IReadOnlyList<string> gpus)
    {
        if (!opened.OnGpus)
        {
            return gpus.Count == 0
                ? TrialDevices.Cores(Available(cores))
                : throw new UsageException(
                    $"--device is for trials on GPUs, and those of {opened.Sweep.Path} compute on cores: remove it, or set cluster.device: cuda."
                );
        }

        if (cores is not null || gpus.Count == 0)
        {
            throw new UsageException(
                $"The trials of {opened.Sweep.Path} compute on GPUs (cluster.device): name those that they share with --device, e.g. "
                    + "--device cuda:0 --device cuda:1, instead of --cores."
            );
        }

        TrialDevices.RequireGpus(gpus);
        return gpus;
    }

    private static int Available(int? cores) =>
        (cores ?? Environment.ProcessorCount) is var count && count > 0 && count <= Environment.ProcessorCount
            ? count
            : throw new UsageException($"--cores must be from 1 to {Environment.ProcessorCount}, the number of cores of this machine.");

    private static Command CreateStatus()
    {
        var sweep = SweepArgument();
        var pool = new RemoteArguments();
        var command = new Command("status", "Show the progress of a sweep's trials.") { sweep };
        pool.AddTo(command);
        command.SetAction(async parsed =>
        {
            var opened = OpenedSweep.Open(parsed.GetRequiredValue(sweep));
            if (!pool.IsGiven(parsed))
            {
                return Status(opened);
            }

            await using var cluster = await RemoteCluster.ToPoolAsync(pool.Of(parsed));
            var experiment = new PoolExperiment(opened, cluster.Client.Grains);
            var state = await new PoolSweep(opened, experiment, _ => { }).SyncAsync();
            SweepTables.Trials(opened.Trials, opened.Folder);
            SweepTables.Pool(await experiment.PoolAsync(), opened.OnGpus, state);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command CreateStop()
    {
        var sweep = SweepArgument();
        var pool = new RemoteArguments();
        var command = new Command("stop", "Stop the trials that a pool runs for a sweep, at checkpoints.") { sweep };
        pool.AddTo(command);
        command.SetAction(async parsed =>
        {
            var opened = OpenedSweep.Open(parsed.GetRequiredValue(sweep));
            await using var cluster = await RemoteCluster.ToPoolAsync(pool.Of(parsed));
            Console.WriteLine(
                await new PoolExperiment(opened, cluster.Client.Grains).CancelAsync("cliptrain sweep stop")
                    ? $"{opened.Sweep.Name} is stopping at checkpoints. `cliptrain sweep run` continues it."
                    : $"The pool runs no trial of {opened.Sweep.Name}."
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Argument<string> SweepArgument() =>
        new("SWEEP") { Description = "Sweep file (YAML), or the name of an earlier sweep under sweeps/." };

    private static int Plan(OpenedSweep opened)
    {
        var (trials, folder) = (opened.Trials, opened.Folder);
        SweepTables.Trials(trials, folder);
        var missing = trials.Where(trial => !folder.Read(trial.Id).IsSettled).ToList();
        SweepTables.Cost("all", SweepCost.Of(folder, trials, trials));
        SweepTables.Cost("missing", SweepCost.Of(folder, trials, missing));
        if (trials.Count >= OpenedSweep.Many)
        {
            Console.WriteLine(
                $"Warning: the sweep has {Readable.Count(trials.Count)} trials, because axes multiply. Use fewer values, zip keys in one "
                    + "axis, or exclude combinations."
            );
        }

        return ExitCodes.Ok;
    }

    private static Task<int> RunHereAsync(OpenedSweep opened, IReadOnlyList<string> devices) =>
        RunAsync(
            opened,
            "running trials stop at a checkpoint. Run the same command again to continue.",
            new SweepRunner(
                opened.Sweep,
                opened.Folder,
                new LocalTrials(opened.Folder),
                new SweepPool(devices, Tell),
                TimeProvider.System
            ).RunAsync,
            (spent, wall) => $"the pool was busy for {Readable.Percent(spent / (wall * devices.Count))} of {Duration(wall)}"
        );

    private static async Task<int> RunOnPoolAsync(OpenedSweep opened, RemoteOptions pool)
    {
        await using var cluster = await RemoteCluster.ToPoolAsync(pool);
        var sweep = new PoolSweep(opened, new PoolExperiment(opened, cluster.Client.Grains), Tell);
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
        var isWhole = await run([.. trials.Where(trial => !trial.IsHeldOut)], stop.Token);
        if (isWhole && sweep.Predict is not null)
        {
            Predict(opened);
            isWhole = await run([.. trials.Where(trial => trial.IsHeldOut)], stop.Token);
        }

        var (spent, wall) = (
            trials.Sum(trial => folder.Read(trial.Id).CoreSeconds) - before,
            TimeProvider.System.GetElapsedTime(began).TotalSeconds
        );
        SweepReport.Write(opened);
        Console.WriteLine(
            $"{trials.Count(trial => folder.Read(trial.Id).IsSettled)} of {trials.Count} trials have ended; {cost(spent, wall)}."
        );
        return signals.ExitCode != ExitCodes.Ok ? signals.ExitCode
            : isWhole ? ExitCodes.Ok
            : ExitCodes.TrainingFailed;
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

    private static int Status(OpenedSweep opened)
    {
        SweepTables.Trials(opened.Trials, opened.Folder);
        foreach (var state in opened.Trials.GroupBy(trial => opened.Folder.Read(trial.Id).State).OrderBy(state => state.Key))
        {
            Console.WriteLine($"{state.Count()} {state.Key.ToString().ToLowerInvariant()}");
        }

        var isRunning = RunLock.IsHeld(opened.Folder.Lock);
        Console.WriteLine(
            isRunning ? "The sweep is running."
            : File.Exists(opened.Folder.Experiment)
                ? "No process watches the sweep. Its pool may run it: add --coordinator and --token-file to see."
            : $"The sweep is not running; start it with `cliptrain sweep run {opened.Sweep.Path}`."
        );
        return ExitCodes.Ok;
    }

    private static RunLock Acquire(SweepFolder folder) =>
        RunLock.IsHeld(folder.Lock)
            ? throw new UsageException($"{folder.Path}: another process runs this sweep. `cliptrain sweep status` shows its progress.")
            : RunLock.Acquire(folder.Lock, TimeProvider.System);

    private static void Tell(string line) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetLocalNow():HH:mm:ss} {line}"));
}
