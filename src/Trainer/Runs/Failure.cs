using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Telemetry;
using ClipTrain.Trainer.Training;

namespace ClipTrain.Trainer.Runs;

/// <summary>Which exceptions are told to the user as one message, and with which exit code. Others are defects and keep their stack trace.</summary>
public static class Failure
{
    /// <summary>The exit code of a process whose run has ended as told, and was not stopped by a signal to that process.</summary>
    public static int ExitCodeOf(RunOutcome outcome) => outcome.Kind == OutcomeKind.Failed ? outcome.ExitCode ?? ExitCodes.WorkerLost : ExitCodes.Ok;

    /// <summary>The exit code of an expected failure; null for a defect.</summary>
    public static int? ExitCodeOf(Exception error) => error switch
    {
        ConfigException or UsageException => ExitCodes.Usage,
        DllNotFoundException => ExitCodes.MissingComponent,
        CorpusException => ExitCodes.BadData,
        NonFiniteException => ExitCodes.TrainingFailed,
        CheckpointException => ExitCodes.StorageFailed,
        CoordinatorStartException => ExitCodes.Usage,
        CoordinatorLostException or CoordinatorRefusedException => ExitCodes.WorkerLost,
        _ => null,
    };
}

/// <summary>The command line asks for something that cannot be; the message says what to change.</summary>
public sealed class UsageException(string message) : Exception(message);
