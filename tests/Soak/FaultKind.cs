namespace ClipTrain.Soak;

/// <summary>Faults of a run. The lease is the time of silence after which the coordinator gives up on a worker.</summary>
public enum FaultKind
{
    /// <summary>kill -9.</summary>
    KillWorker,
    KillTwoWorkers,

    /// <summary>No replica of the training state survives, so the run must continue from a checkpoint.</summary>
    KillAllWorkers,

    /// <summary>Not restarted: its standby takes over the run.</summary>
    KillCoordinator,

    /// <summary>Coordinator and standby: nobody hosts the run until the coordinator is restarted.</summary>
    KillBothCoordinators,

    /// <summary>A worker and, at the same time, the coordinator, which is not restarted.</summary>
    KillCoordinatorAndWorker,

    /// <summary>A second process is killed within 200 ms of the first.</summary>
    KillInRecovery,

    /// <summary>SIGSTOP, then SIGCONT before the lease expires.</summary>
    FreezeWorker,
    FreezeWorkerBeyondLease,
    FreezeCoordinator,

    /// <summary>Resumed once its standby hosts the run; it must exit without writing anything.</summary>
    FreezeCoordinatorBeyondTakeover,

    /// <summary>Stopped most of the time for two seconds.</summary>
    SlowWorker,

    /// <summary>Its network link goes down and comes back before the lease expires.</summary>
    CutWorker,
    CutWorkerBeyondLease,

    /// <summary>The network link of coordinator and standby goes down for a while.</summary>
    CutCoordinators,

    /// <summary>The membership server goes down for a while.</summary>
    RestartStore,
}
