using System.Diagnostics;
using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Runner of a sweep's trials in processes of this machine.</summary>
internal sealed class LocalTrials(SweepFolder folder) : ITrialRunner
{
    public Task<TrialEnd> RunAsync(Trial trial, IReadOnlyList<string> devices, CancellationToken stop)
    {
        folder.WriteConfig(trial);
        return new TrialProcess(folder, trial.Id, new TrialDevices(devices)).RunAsync(stop);
    }
}

/// <summary>
/// A trial in a process of this program, on its cores or GPUs. The process logs to a file and runs in a separate session, so that
/// it survives a killed sweep; the next sweep waits for it instead of restarting the trial.
/// </summary>
internal sealed class TrialProcess(SweepFolder folder, string id, TrialDevices devices)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500),
        TakeoverPatience = TimeSpan.FromSeconds(10),
        NodePatience = TimeSpan.FromMinutes(1);

    /// <summary>Length of the log before the process that was started last.</summary>
    private long _logged;

    /// <summary>The folder that the process starts in; null for the current one.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>
    /// True if the trial stops at a checkpoint when this process ends, has no standby, and starts no program that its configuration names.
    /// </summary>
    public bool IsManaged { get; init; }

    /// <summary>This node, if its process is the coordinator for workers of several nodes; null to start workers on this machine.</summary>
    public TrialNode? Coordinates { get; init; }

    /// <summary>Makes the command line of a process of this program.</summary>
    public Func<IEnumerable<string>, WorkerLaunch> Launch { get; init; } = RunProgram.Launch;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    private string Reason => TrialLog.Reason(folder.Log(id), _logged);

    /// <summary>Runs the trial, resumes it, or waits for a process that runs it already.</summary>
    /// <param name="stop">Cancelled to stop it at a checkpoint.</param>
    public async Task<TrialEnd> RunAsync(CancellationToken stop)
    {
        var run = new RunFiles(Path.Combine(folder.Trials, id));
        int exit;
        do
        {
            if (await EndElsewhereAsync(run, TimeSpan.Zero, stop) is { } earlier)
            {
                return earlier;
            }

            exit = await StartAsync(run, stop);

            // An earlier process, for example of a node that was killed, may have been about to host the run.
        } while (exit == ExitCodes.Usage && IsHosted(run));

        if (IsManaged)
        {
            await AwaitNodeAsync(run);
        }

        if (exit == ExitCodes.TrainingFailed)
        {
            return new TrialEnd.Diverged(Reason);
        }

        if (TrialFigures.Read(run) is { } figures)
        {
            return new TrialEnd.Done(figures);
        }

        if (stop.IsCancellationRequested)
        {
            return new TrialEnd.Stopped();
        }

        // If the run's process is killed, its standby takes over and finishes the run. A managed trial has none.
        return (IsManaged ? null : await EndElsewhereAsync(run, TakeoverPatience, stop))
            ?? new TrialEnd.Failed($"its process exited with code {exit}: {Reason}");
    }

    /// <summary>Waits while another process hosts the run. Null if it has no result then.</summary>
    private async Task<TrialEnd?> EndElsewhereAsync(RunFiles run, TimeSpan patience, CancellationToken stop) =>
        await AwaitHostAsync(run, patience, stop) ?? (TrialFigures.Read(run) is { } figures ? new TrialEnd.Done(figures) : null);

    /// <summary>Waits while any process hosts the run.</summary>
    /// <param name="run">The run's files.</param>
    /// <param name="patience">Time for a run without a host to get one.</param>
    /// <param name="stop">Stops waiting; the host continues.</param>
    private async Task<TrialEnd?> AwaitHostAsync(RunFiles run, TimeSpan patience, CancellationToken stop)
    {
        var since = Time.GetTimestamp();
        while (IsHosted(run) || (Time.GetElapsedTime(since) < patience && !File.Exists(run.Summary)))
        {
            if (stop.IsCancellationRequested)
            {
                return new TrialEnd.Stopped();
            }

            await Task.Delay(Poll, Time, CancellationToken.None);
        }

        return null;
    }

    /// <summary>Waits for the run's local node, which ends its workers when its coordinator is gone: until then the devices are not free.</summary>
    private async Task AwaitNodeAsync(RunFiles run)
    {
        var since = Time.GetTimestamp();
        while (RunLock.IsHeld(run.NodeLock) && Time.GetElapsedTime(since) < NodePatience)
        {
            await Task.Delay(Poll, Time);
        }
    }

    private static bool IsHosted(RunFiles run) => RunLock.IsHeld(run.CoordinatorLock);

    private async Task<int> StartAsync(RunFiles run, CancellationToken stop)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder.Log(id))!);
        _logged = new FileInfo(folder.Log(id)) is { Exists: true, Length: var length } ? length : 0;
        var launch = Launch(Arguments(run));
        var start = new ProcessStartInfo("/bin/sh")
        {
            UseShellExecute = false,
            WorkingDirectory = WorkingDirectory ?? "",

            // Never written to: its end tells a managed trial that this process is gone.
            RedirectStandardInput = IsManaged,
        };
        foreach (
            var argument in (string[])
                [
                    "-c",
                    "exec \"$@\" >>\"$TRIAL_LOG\" 2>&1" + (IsManaged ? "" : " </dev/null"),
                    "sh",
                    .. devices.Binding,
                    "setsid",
                    launch.FileName,
                    .. launch.Arguments,
                ]
        )
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in devices.Environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["TRIAL_LOG"] = folder.Log(id);
        if (Coordinates is { Token: var token })
        {
            start.Environment[AccessToken.Variable] = token;
        }

        using var process = Process.Start(start)!;
        await using var onStop = stop.Register(() => ProcessEnd.Ask(process));
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    private IEnumerable<string> Arguments(RunFiles run)
    {
        string[] hosting = Coordinates is { } node
            ? ["--listen", new IPEndPoint(IPAddress.Parse(node.Address), 0).ToString(), .. node.Tls.Arguments]
            : [];
        var managed = IsManaged ? ["--managed", .. hosting] : hosting;
        if (File.Exists(run.Manifest))
        {
            return [Coordinates is null ? "resume" : "coordinator", run.Directory, .. managed];
        }

        return
        [
            Coordinates is null ? "train" : "coordinator",
            folder.Config(id),
            "--set",
            $"name=\"{id}\"",
            "--set",
            $"output.directory={folder.Trials}",
            .. managed,
        ];
    }
}
