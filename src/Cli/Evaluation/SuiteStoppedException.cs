namespace ClipTrain.Cli.Evaluation;

/// <summary>A signal has ended an evaluation, none of whose processes is left.</summary>
public sealed class SuiteStoppedException(int exitCode) : Exception("The evaluation was stopped.")
{
    /// <summary>Exit code for the signal.</summary>
    public int ExitCode { get; } = exitCode;
}
