using System.Diagnostics;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Runs a trial as a process of this program, bound to its cores. The process writes to a file and has a session of its own, so that it outlives a sweep that is killed; the next one waits for it in place of starting the trial again.</summary>
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
                return left;
            if (TrialFigures.Read(run) is { } figures)
                return new TrialEnd.Done(figures);
            var exit = await StartAsync(trial, run, cores, stop);
            if (exit == ExitCodes.TrainingFailed)
                return new TrialEnd.Diverged(LastLine(trial));
            if (TrialFigures.Read(run) is { } ended)
                return new TrialEnd.Done(ended);
            if (stop.IsCancellationRequested)
                return new TrialEnd.Stopped();

            // A run whose process was killed is taken over by its standby, which brings it to its end.
            if (await AwaitHostAsync(run, TakeoverPatience, stop) is { } stopped)
                return stopped;
            if (TrialFigures.Read(run) is { } takenOver)
                return new TrialEnd.Done(takenOver);
            return new TrialEnd.Failed($"its process ended with code {exit}: {LastLine(trial)}");
        }
    }

    /// <summary>Waits while some process hosts the run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="patience">For so long a run without a host may still get one.</param>
    /// <param name="stop">Leaves it to its host.</param>
    private static async Task<TrialEnd?> AwaitHostAsync(RunFiles run, TimeSpan patience, CancellationToken stop)
    {
        for (
            var since = TimeProvider.System.GetTimestamp();
            IsHosted(run) || (TimeProvider.System.GetElapsedTime(since) < patience && !File.Exists(run.Summary));

        )
        {
            if (stop.IsCancellationRequested)
                return new TrialEnd.Stopped();
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
            start.ArgumentList.Add(argument);
        start.Environment["TRIAL_LOG"] = folder.Log(trial.Id);
        using var process = Process.Start(start)!;
        await using var onStop = stop.Register(() => Signal(process));
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    /// <summary>Asks a process to stop at a checkpoint.</summary>
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
