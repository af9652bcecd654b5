namespace ClipTrain.Soak;

/// <summary>Faults of a run. The lease is the time of silence after which the coordinator gives up on a worker.</summary>
public enum FaultKind
{
    /// <summary>kill -9.</summary>
    KillWorker,
    KillTwoWorkers,

    /// <summary>No replica of the training state survives: the run has to go on from a checkpoint.</summary>
    KillAllWorkers,

    /// <summary>Nobody starts it again: its standby takes the run over.</summary>
    KillCoordinator,

    /// <summary>The coordinator and its standby, so that nobody hosts the run until the coordinator is started again.</summary>
    KillBothCoordinators,

    /// <summary>The coordinator, left dead, and a worker at once.</summary>
    KillCoordinatorAndWorker,

    /// <summary>A second process is killed within 200 ms of the first.</summary>
    KillInRecovery,

    /// <summary>SIGSTOP and, before the lease is over, SIGCONT.</summary>
    FreezeWorker,
    FreezeWorkerBeyondLease,
    FreezeCoordinator,

    /// <summary>It wakes when its standby hosts the run, and has to end without another word.</summary>
    FreezeCoordinatorBeyondTakeover,

    /// <summary>Stopped most of the time for two seconds.</summary>
    SlowWorker,

    /// <summary>Its network link is down, and up again before the lease is over.</summary>
    CutWorker,
    CutWorkerBeyondLease,

    /// <summary>The network link of the coordinator and its standby is down for a time.</summary>
    CutCoordinators,

    /// <summary>The server that keeps the cluster's members is down for a time.</summary>
    RestartStore,
}
