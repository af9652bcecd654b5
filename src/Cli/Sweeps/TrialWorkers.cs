using System.Globalization;
using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Sweeps;

/// <summary>A node's workers of a trial that spans several nodes.</summary>
internal static class TrialWorkers
{
    /// <summary>The process that joins the trial's run with this node's workers, whenever a coordinator hosts it.</summary>
    /// <param name="start">The trial.</param>
    /// <param name="devices">This node's part of the lease.</param>
    /// <param name="run">The trial's run.</param>
    /// <param name="node">This node.</param>
    /// <param name="tell">Receives the lines that the process prints.</param>
    public static Companion Of(TrialStart start, TrialDevices devices, RunFiles run, TrialNode node, Action<string> tell)
    {
        var workers = devices.Count / start.Trial.DevicesPerWorker;
        var launch = RunProgram.Launch([
            "node",
            run.Directory,
            "--managed",
            "--name",
            node.Name,
            "--workers",
            workers.ToString(CultureInfo.InvariantCulture),
            "--address",
            node.Address,
            .. node.Tls.Arguments,
        ]);
        return new Companion(
            "workers",
            new WorkerLaunch("env", [.. devices.Binding, "setsid", launch.FileName, .. launch.Arguments])
            {
                WorkingDirectory = start.Trial.Directory,
                Environment = new Dictionary<string, string>(devices.Environment, StringComparer.Ordinal)
                {
                    [AccessToken.Variable] = node.Token,
                },
            },
            () => RunLock.IsHeld(run.CoordinatorLock),
            line => tell($"{start.Attempt.Run}: {line.Text}"),
            TimeProvider.System
        );
    }
}
