namespace ClipTrain.Cli.Telemetry;

/// <summary>What the program's exit status means, for scripts and schedulers.</summary>
public static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>A defect: an error that nothing foresaw. Its stack trace is in the log.</summary>
    public const int Defect = 1;

    /// <summary>Wrong arguments, or a configuration that cannot be used.</summary>
    public const int Usage = 2;

    /// <summary>A library or tool that the program needs is not set up.</summary>
    public const int MissingComponent = 3;

    /// <summary>The corpus cannot be read, or too much of it is bad.</summary>
    public const int BadData = 4;

    /// <summary>The loss or a gradient was not finite.</summary>
    public const int TrainingFailed = 5;

    /// <summary>A worker was lost and the run could not go on.</summary>
    public const int WorkerLost = 6;

    /// <summary>The disk is full, or a checkpoint could not be written.</summary>
    public const int StorageFailed = 7;

    /// <summary>An audit found that a run's records do not prove what they should.</summary>
    public const int AuditFailed = 8;

    /// <summary>Stopped by Ctrl-C, after a checkpoint (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    /// <summary>Stopped by the end of its terminal, after a checkpoint (128 + SIGHUP).</summary>
    public const int HungUp = 129;

    /// <summary>Stopped by SIGTERM, after a checkpoint (128 + SIGTERM).</summary>
    public const int Terminated = 143;
}
