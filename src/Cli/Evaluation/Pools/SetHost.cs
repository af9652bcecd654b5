using System.ComponentModel;
using System.Diagnostics;
using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Cli.Evaluation.Pools;

/// <summary>Runs sets that a pool places on this machine as processes of this program, on their cores or GPUs.</summary>
/// <param name="processes">This node's processes.</param>
internal sealed class SetHost(NodeProcesses processes) : ITrialHost
{
    /// <summary>Name of the figure in which a failed set passes its exit code on.</summary>
    public const string ExitCode = "exit_code";

    public async Task<TrialEnd> RunAsync(TrialStart start, CancellationToken stop)
    {
        var (job, node) = (start.Trial.RunFile, start.Lease.Nodes[0]);
        try
        {
            if (Problem(job) is { } problem)
            {
                return Failed(
                    $"Node {node} cannot read {problem} The model and the folder in which the command runs must have the same paths on "
                        + "all nodes, on a file system that they share.",
                    ExitCodes.MissingComponent
                );
            }

            var (exit, said) = await RunAsync(job, start, stop);
            if (exit == ExitCodes.Ok)
            {
                return new TrialEnd(start.Attempt, TrialEndKind.Completed);
            }

            if (stop.IsCancellationRequested)
            {
                return new TrialEnd(start.Attempt, TrialEndKind.Stopped);
            }

            var error = EncodingWorkerException.Of($"The process of set '{start.Trial.Id}'", exit, said);
            return Failed($"Node {node}: {error.Message}", error.ExitCode);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or Win32Exception)
        {
            return Failed($"Node {node}: {error.Message}", ExitCodes.StorageFailed);
        }

        TrialEnd Failed(string why, int exitCode) =>
            new(start.Attempt, TrialEndKind.Failed, why)
            {
                Figures = new Dictionary<string, double>(StringComparer.Ordinal) { [ExitCode] = exitCode },
            };
    }

    /// <summary>The path that this machine cannot read, and why; null if it can read all.</summary>
    private static string? Problem(string job)
    {
        var path = job;
        try
        {
            path = SetJob.Read(job).Model;
            if (Directory.Exists(path))
            {
                Directory.GetFileSystemEntries(path);
            }
            else
            {
                File.OpenRead(path).Dispose();
            }

            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"{path}: {error.Message}";
        }
    }

    private async Task<(int ExitCode, string Errors)> RunAsync(string job, TrialStart start, CancellationToken stop)
    {
        var launch = RunProgram.Launch(["eval", SetJob.Command, job]);
        await using var log = SharedLogFile.Open(SetJob.LogOf(job));
        var devices = new TrialDevices(start.Lease.DevicesOf(start.Lease.Nodes[0])) { Node = processes };
        var begin = new ProcessStartInfo("env", [.. devices.Binding, launch.FileName, .. launch.Arguments])
        {
            WorkingDirectory = start.Trial.Directory,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,

            // Never written to: its end tells the process that this one is gone.
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in devices.Environment)
        {
            begin.Environment[name] = value;
        }

        using var process = Process.Start(begin)!;
        await using var onStop = stop.Register(() => ProcessEnd.Force(process));
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        await process.StandardOutput.BaseStream.CopyToAsync(log, CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        return (process.ExitCode, await errors);
    }
}
