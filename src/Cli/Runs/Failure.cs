using System.Net.Sockets;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Experiments;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Runs;

/// <summary>
/// Maps expected exceptions to a message and an exit code. All others are internal errors and keep their stack trace.
/// </summary>
public static class Failure
{
    private const int NoSpace = 28,
        ReadOnly = 30;

    /// <summary>
    /// Message and exit code of a failed command, taken from the first expected failure among an exception and its
    /// inner exceptions. I/O errors and invalid files always count as expected. Null for an internal error.
    /// </summary>
    public static (string Message, int ExitCode)? Of(Exception error)
    {
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            if (ExitCodeOf(cause) is { } code)
            {
                return (cause.Message, IsOfDisk(cause) ? ExitCodes.StorageFailed : code);
            }
        }

        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            if (cause is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                return (cause.Message, ExitCodes.StorageFailed);
            }

            if (cause is SocketException { SocketErrorCode: SocketError.TooManyOpenSockets })
            {
                return (
                    $"Too many open files and connections ({cause.Message}): raise the limit, e.g. with `ulimit -n 4096`.",
                    ExitCodes.MissingComponent
                );
            }
        }

        return null;
    }

    /// <summary>Exit code for the outcome of a run that no signal to this process stopped.</summary>
    public static int ExitCodeOf(RunOutcome outcome) =>
        outcome.Kind == OutcomeKind.Failed ? outcome.ExitCode ?? ExitCodes.WorkerLost : ExitCodes.Ok;

    /// <summary>
    /// True if a full or read-only disk caused the failure, directly or as an inner exception. HResult holds the errno.
    /// </summary>
    private static bool IsOfDisk(Exception error) =>
        error is IOException { HResult: NoSpace or ReadOnly } || (error.InnerException is { } inner && IsOfDisk(inner));

    /// <summary>Exit code of an expected failure; null for an internal error.</summary>
    public static int? ExitCodeOf(Exception error) =>
        error switch
        {
            ConfigException or UsageException or ExperimentException => ExitCodes.Usage,
            DllNotFoundException or DeviceMemoryException => ExitCodes.MissingComponent,
            CorpusException => ExitCodes.BadData,
            NonFiniteException => ExitCodes.TrainingFailed,
            WeightsException => ExitCodes.StorageFailed,
            CoordinatorStartException => ExitCodes.Usage,
            EncodingWorkerException worker => worker.ExitCode,
            SuiteStoppedException stopped => stopped.ExitCode,
            CoordinatorLostException or CoordinatorRefusedException => ExitCodes.WorkerLost,
            _ => null,
        };
}
