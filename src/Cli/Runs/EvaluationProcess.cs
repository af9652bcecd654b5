using System.Diagnostics;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Runs;

/// <summary>Evaluation of a checkpoint in a separate process of this program, at low priority.</summary>
internal static class EvaluationProcess
{
    /// <summary>Option with which the process exits when the one that started it does, however that ends.</summary>
    public const string Watched = "--watched";

    /// <param name="options">The run's evaluation options.</param>
    /// <param name="config">Path of the run's configuration, which names the splits.</param>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="output">Output folder for the results.</param>
    /// <param name="abandon">Cancelled to kill the process.</param>
    /// <returns>The exit code and the error output.</returns>
    public static async Task<(int Exit, string Said)> RunAsync(
        EvaluationOptions options,
        string config,
        string checkpoint,
        string output,
        CancellationToken abandon
    )
    {
        var launch = RunProgram.Launch([
            "eval",
            Watched,
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
            ) ?? throw new InvalidOperationException("the evaluation process did not start");
        process.PriorityClass = ProcessPriorityClass.BelowNormal;
        await using var onAbandon = abandon.Register(() => process.Kill(entireProcessTree: true));
        var written = process.StandardOutput.ReadToEndAsync();
        var said = await process.StandardError.ReadToEndAsync();
        await written;
        await process.WaitForExitAsync();
        return (process.ExitCode, said.Trim());
    }
}
