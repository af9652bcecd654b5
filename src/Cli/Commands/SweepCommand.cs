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
        var pool = new RemoteArguments(of: "pool");
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
                return await SweepProcess.RunHereAsync(opened, DevicesHere(opened, count, gpus));
            }

            return count is null && gpus.Length == 0
                ? await SweepProcess.RunOnPoolAsync(opened, pool.Of(parsed))
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
                ? TrialDevices.Cores(TrialDevices.Available(cores))
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

    private static Command CreateStatus()
    {
        var sweep = SweepArgument();
        var pool = new RemoteArguments(of: "pool");
        var command = new Command("status", "Show the progress of a sweep's trials.") { sweep };
        pool.AddTo(command);
        command.SetAction(async parsed =>
        {
            var opened = OpenedSweep.Open(parsed.GetRequiredValue(sweep));
            if (pool.IsGiven(parsed))
            {
                await using var cluster = await RemoteCluster.ToPoolAsync(pool.Of(parsed));
                await SweepStatus.PrintAsync(opened, PoolExperiment.On(cluster, opened));
            }
            else
            {
                SweepStatus.Print(opened);
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command CreateStop()
    {
        var sweep = SweepArgument();
        var pool = new RemoteArguments(of: "pool");
        var command = new Command("stop", "Stop the trials that a pool runs for a sweep, at checkpoints.") { sweep };
        pool.AddTo(command);
        command.SetAction(async parsed =>
        {
            var opened = OpenedSweep.Open(parsed.GetRequiredValue(sweep));
            await using var cluster = await RemoteCluster.ToPoolAsync(pool.Of(parsed));
            Console.WriteLine(
                await PoolExperiment.On(cluster, opened).CancelAsync("cliptrain sweep stop")
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
        TrialRecord[] records = [.. trials.Select(trial => folder.Read(trial.Id))];
        SweepTables.Trials(trials, records);
        var missing = trials.Zip(records).Where(pair => !pair.Second.IsSettled).Select(pair => pair.First).ToList();
        var planned = PlannedSpeed.Of(opened);
        SweepTables.Cost("all", SweepCost.Of(trials, planned.Speed), opened.OnGpus);
        SweepTables.Cost("missing", SweepCost.Of(missing, planned.Speed), opened.OnGpus);
        Console.WriteLine(planned.Basis);
        if (trials.Count >= OpenedSweep.Many)
        {
            Console.WriteLine(
                $"Warning: the sweep has {Readable.Count(trials.Count)} trials, because axes multiply. Use fewer values, zip keys in one "
                    + "axis, or exclude combinations."
            );
        }

        return ExitCodes.Ok;
    }
}
