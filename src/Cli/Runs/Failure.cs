using System.Net.Sockets;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Experiments;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Runs;

/// <summary>Which exceptions are told to the user as one message, and with which exit code. Others are defects and keep their stack trace.</summary>
public static class Failure
{
    private const int NoSpace = 28,
        ReadOnly = 30;

    /// <summary>How a command that fails ends: with the message and exit code of the first expected failure among an exception and what it wraps. Files that cannot be read, written or understood are expected wherever they are met. Null for a defect.</summary>
    public static (string Message, int ExitCode)? Of(Exception error)
    {
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            if (ExitCodeOf(cause) is { } code)
                return (cause.Message, IsOfDisk(cause) ? ExitCodes.StorageFailed : code);
        }

        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            if (cause is IOException or UnauthorizedAccessException or InvalidDataException)
                return (cause.Message, ExitCodes.StorageFailed);
            if (cause is SocketException { SocketErrorCode: SocketError.TooManyOpenSockets })
                return (
                    $"This process may open no more files and connections ({cause.Message}): raise the limit, as with `ulimit -n 4096`.",
                    ExitCodes.MissingComponent
                );
        }

        return null;
    }

    /// <summary>The exit code of a process whose run has ended as told, and was not stopped by a signal to that process.</summary>
    public static int ExitCodeOf(RunOutcome outcome) =>
        outcome.Kind == OutcomeKind.Failed ? outcome.ExitCode ?? ExitCodes.WorkerLost : ExitCodes.Ok;

    /// <summary>True if a full or read-only disk is behind a failure, whatever failed for it. The runtime's exceptions carry the system's error number.</summary>
    private static bool IsOfDisk(Exception error) =>
        error is IOException { HResult: NoSpace or ReadOnly } || (error.InnerException is { } inner && IsOfDisk(inner));

    /// <summary>The exit code of an expected failure; null for a defect.</summary>
    public static int? ExitCodeOf(Exception error) =>
        error switch
        {
            ConfigException or UsageException or ExperimentException => ExitCodes.Usage,
            DllNotFoundException or DeviceMemoryException => ExitCodes.MissingComponent,
            CorpusException => ExitCodes.BadData,
            NonFiniteException => ExitCodes.TrainingFailed,
            WeightsException => ExitCodes.StorageFailed,
            CoordinatorStartException => ExitCodes.Usage,
            CoordinatorLostException or CoordinatorRefusedException => ExitCodes.WorkerLost,
            _ => null,
        };
}
