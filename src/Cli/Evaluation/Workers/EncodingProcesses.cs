using System.Diagnostics;
using System.Globalization;
using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Cli.Evaluation.Workers;

/// <summary>Processes of this program that embed images and texts. They end with their input, and so with this process.</summary>
internal sealed class EncodingProcesses : IDisposable
{
    private readonly IReadOnlyList<Process> _processes;

    /// <param name="plan">Number, devices and command lines of the processes.</param>
    /// <param name="model">The model.</param>
    public EncodingProcesses(EncodingPlan plan, SuiteModel model)
    {
        var threads = Math.Max(1, Environment.ProcessorCount / plan.Workers);
        _processes = [.. Enumerable.Range(0, plan.Workers).Select(i => Start(plan.Launch(model, plan.DeviceOf(i), threads), threads))];
        Pool = new EncodingPool([.. _processes.Select((process, i) => Connect(process, i))]);
    }

    public EncodingPool Pool { get; }

    public void Dispose()
    {
        Pool.Dispose();
        foreach (var process in _processes)
        {
            process.WaitForExit();
            process.Dispose();
        }
    }

    private EncodingConnection Connect(Process process, int number)
    {
        var said = process.StandardError.ReadToEndAsync();
        return new EncodingConnection(
            process.StandardInput.BaseStream,
            process.StandardOutput.BaseStream,
            () =>
            {
                process.WaitForExit();
                return EncodingWorkerException.Of(
                    $"Evaluation worker {number + 1} of {_processes.Count}",
                    process.ExitCode,
                    said.GetAwaiter().GetResult()
                );
            }
        );
    }

    private static Process Start(WorkerLaunch launch, int threads)
    {
        var start = new ProcessStartInfo(launch.FileName, launch.Arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["OMP_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
        return Process.Start(start) ?? throw new InvalidOperationException("an evaluation worker did not start");
    }
}
