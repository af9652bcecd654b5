namespace ClipTrain.Cli.Telemetry;

/// <summary>Exit codes of the program, for scripts and schedulers.</summary>
public static class ExitCodes
{
    /// <summary>Success.</summary>
    public const int Ok = 0;

    /// <summary>Internal error. The stack trace is printed or logged.</summary>
    public const int Defect = 1;

    /// <summary>Invalid arguments or configuration.</summary>
    public const int Usage = 2;

    /// <summary>A required library, tool or resource is missing.</summary>
    public const int MissingComponent = 3;

    /// <summary>The corpus is unreadable, or too many of its samples are bad.</summary>
    public const int BadData = 4;

    /// <summary>The loss or a gradient is not finite, or a trial failed.</summary>
    public const int TrainingFailed = 5;

    /// <summary>A worker was lost and the run cannot continue.</summary>
    public const int WorkerLost = 6;

    /// <summary>A file or checkpoint cannot be read or written, for example because the disk is full.</summary>
    public const int StorageFailed = 7;

    /// <summary>An audit failed.</summary>
    public const int AuditFailed = 8;

    /// <summary>Stopped by Ctrl-C, after a checkpoint (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    /// <summary>Stopped by a closed terminal, after a checkpoint (128 + SIGHUP).</summary>
    public const int HungUp = 129;

    /// <summary>Stopped by SIGTERM, after a checkpoint (128 + SIGTERM).</summary>
    public const int Terminated = 143;
}
