namespace ClipTrain.Soak;

/// <summary>What can be done to a run. The lease is the time of silence after which the coordinator gives a worker up.</summary>
public enum FaultKind
{
    /// <summary>kill -9.</summary>
    KillWorker,
    KillTwoWorkers,

    /// <summary>No replica of the training state survives: the run has to go on from a checkpoint.</summary>
    KillAllWorkers,
    KillCoordinator,

    /// <summary>A second process is killed within 200 ms of the first.</summary>
    KillInRecovery,

    /// <summary>SIGSTOP and, before the lease is over, SIGCONT.</summary>
    FreezeWorker,
    FreezeWorkerBeyondLease,
    FreezeCoordinator,

    /// <summary>Stopped most of the time for two seconds.</summary>
    SlowWorker,

    /// <summary>Its network link is down, and up again before the lease is over.</summary>
    CutWorker,
    CutWorkerBeyondLease,
}
