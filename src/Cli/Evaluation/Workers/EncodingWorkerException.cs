using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Evaluation.Workers;

/// <summary>A worker has failed. The message is the worker's own if it gave one.</summary>
public sealed class EncodingWorkerException(string message, int exitCode) : Exception(message)
{
    private const int FirstSignal = 128;

    /// <summary>The worker's exit code.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>The failure of a process.</summary>
    /// <param name="process">The process, as the subject of a sentence.</param>
    /// <param name="exit">Its exit code, 128 + n after signal n.</param>
    /// <param name="errors">What it wrote to standard error.</param>
    internal static EncodingWorkerException Of(string process, int exit, string errors) =>
        exit is > ExitCodes.Ok and < FirstSignal && errors.Trim() is { Length: > 0 } message
            ? new EncodingWorkerException(message, exit)
            : new EncodingWorkerException(
                $"{process} ended unexpectedly with exit code {exit}{(exit > FirstSignal ? $" (signal {exit - FirstSignal})" : "")}. If "
                    + "memory ran out, use fewer --workers. Run the command again: sets that are finished come from the cache.",
                ExitCodes.WorkerLost
            );
}
