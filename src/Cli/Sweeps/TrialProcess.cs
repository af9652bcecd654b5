using System.Diagnostics;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Sweeps;

/// <summary>
/// Runner of a trial in a process of this program, pinned to its cores. The process logs to a file and runs in a
/// separate session, so that it survives a killed sweep; the next sweep waits for it instead of restarting the trial.
/// </summary>
internal sealed class TrialProcess(SweepFolder folder) : ITrialRunner
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500),
        TakeoverPatience = TimeSpan.FromSeconds(10);

    public async Task<TrialEnd> RunAsync(Trial trial, IReadOnlyList<int> cores, CancellationToken stop)
    {
        var run = new RunFiles(Path.Combine(folder.Trials, trial.Id));
        while (true)
        {
            if (await AwaitHostAsync(run, TimeSpan.Zero, stop) is { } left)
            {
                return left;
            }

            if (TrialFigures.Read(run) is { } figures)
            {
                return new TrialEnd.Done(figures);
            }

            var exit = await StartAsync(trial, run, cores, stop);
            if (exit == ExitCodes.TrainingFailed)
            {
                return new TrialEnd.Diverged(LastLine(trial));
            }

            if (TrialFigures.Read(run) is { } ended)
            {
                return new TrialEnd.Done(ended);
            }

            if (stop.IsCancellationRequested)
            {
                return new TrialEnd.Stopped();
            }

            // If the run's process is killed, its standby takes over and finishes the run.
            if (await AwaitHostAsync(run, TakeoverPatience, stop) is { } stopped)
            {
                return stopped;
            }

            if (TrialFigures.Read(run) is { } takenOver)
            {
                return new TrialEnd.Done(takenOver);
            }

            return new TrialEnd.Failed($"its process exited with code {exit}: {LastLine(trial)}");
        }
    }

    /// <summary>Waits while any process hosts the run.</summary>
    /// <param name="run">The run's files.</param>
    /// <param name="patience">Time for a run without a host to get one.</param>
    /// <param name="stop">Stops waiting; the host continues.</param>
    private static async Task<TrialEnd?> AwaitHostAsync(RunFiles run, TimeSpan patience, CancellationToken stop)
    {
        for (
            var since = TimeProvider.System.GetTimestamp();
            IsHosted(run) || (TimeProvider.System.GetElapsedTime(since) < patience && !File.Exists(run.Summary));

        )
        {
            if (stop.IsCancellationRequested)
            {
                return new TrialEnd.Stopped();
            }

            await Task.Delay(Poll, CancellationToken.None);
        }

        return null;
    }

    private static bool IsHosted(RunFiles run) => Directory.Exists(run.Directory) && RunLock.IsHeld(run.CoordinatorLock);

    private async Task<int> StartAsync(Trial trial, RunFiles run, IReadOnlyList<int> cores, CancellationToken stop)
    {
        SweepFolder.WriteWhole(folder.Config(trial.Id), trial.Resolved.Config);
        Directory.CreateDirectory(Path.GetDirectoryName(folder.Log(trial.Id))!);
        string[] arguments = File.Exists(run.Manifest)
            ? ["resume", run.Directory]
            : ["train", folder.Config(trial.Id), "--set", $"name=\"{trial.Id}\"", "--set", $"output.directory={folder.Trials}"];
        var launch = RunProgram.Launch(arguments);
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        foreach (
            var argument in (string[])
                [
                    "-c",
                    "exec \"$@\" >>\"$TRIAL_LOG\" 2>&1 </dev/null",
                    "sh",
                    "taskset",
                    "-c",
                    string.Join(',', cores),
                    "setsid",
                    launch.FileName,
                    .. launch.Arguments,
                ]
        )
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["TRIAL_LOG"] = folder.Log(trial.Id);
        using var process = Process.Start(start)!;
        await using var onStop = stop.Register(() => Signal(process));
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    /// <summary>Signals a process to stop at a checkpoint.</summary>
    private static void Signal(Process process)
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        kill.WaitForExit();
    }

    private string LastLine(Trial trial)
    {
        var log = folder.Log(trial.Id);
        return File.Exists(log)
            ? File.ReadLines(log).LastOrDefault(line => !string.IsNullOrWhiteSpace(line))?.Trim() ?? "it printed nothing"
            : "it printed nothing";
    }
}
