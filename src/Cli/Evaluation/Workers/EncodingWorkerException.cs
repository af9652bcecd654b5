namespace ClipTrain.Cli.Evaluation.Workers;

/// <summary>A worker has failed. The message is the worker's own if it gave one.</summary>
public sealed class EncodingWorkerException(string message, int exitCode) : Exception(message)
{
    /// <summary>The worker's exit code.</summary>
    public int ExitCode { get; } = exitCode;
}
