using System.Diagnostics;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Runs;

/// <summary>Evaluates a checkpoint by this program in a process of its own, at a low priority.</summary>
internal static class EvaluationProcess
{
    /// <param name="options">Whose evaluation says what is measured.</param>
    /// <param name="config">The run's configuration, for its splits.</param>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="output">Folder for the figures.</param>
    /// <returns>The exit code, and the last of what it wrote to standard error.</returns>
    public static async Task<(int Exit, string Said)> RunAsync(EvaluationOptions options, string config, string checkpoint, string output)
    {
        var launch = RunProgram.Launch([
            "eval",
            checkpoint,
            .. options.Suite is { } suite ? new[] { "--suite", suite } : ["--splits", config],
            "-o",
            output,
        ]);
        using var process =
            Process.Start(
                new ProcessStartInfo(launch.FileName, launch.Arguments)
                {
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                    UseShellExecute = false,
                }
            ) ?? throw new InvalidOperationException("the process did not start");
        process.PriorityClass = ProcessPriorityClass.BelowNormal;
        process.StandardInput.Close();
        var written = process.StandardOutput.ReadToEndAsync();
        var said = await process.StandardError.ReadToEndAsync();
        await written;
        await process.WaitForExitAsync();
        return (process.ExitCode, said.Trim());
    }
}
