namespace ClipTrain.Soak;

/// <summary>One fault of a plan.</summary>
/// <param name="Pause">How long the run is left alone before it.</param>
/// <param name="Victims">Indices of workers, in the order in which they are hit. In a recovery a lone victim's second is the
/// coordinator.</param>
/// <param name="Length">How long it lasts; in a recovery, the time between first and second.</param>
public sealed record Fault(FaultKind Kind, TimeSpan Pause, IReadOnlyList<int> Victims, TimeSpan Length)
{
    /// <summary>True if a worker is hit and its generation ends.</summary>
    public bool BreaksGeneration =>
        Kind
            is FaultKind.KillWorker
                or FaultKind.KillTwoWorkers
                or FaultKind.KillAllWorkers
                or FaultKind.KillCoordinatorAndWorker
                or FaultKind.KillInRecovery
        || IsBeyondLease;

    /// <summary>True if workers that do not wait for the victim can continue during the fault.</summary>
    public bool IsBeyondLease => Kind is FaultKind.FreezeWorkerBeyondLease or FaultKind.CutWorkerBeyondLease;

    /// <summary>True if only the coordinator is hit, so its workers keep training and no generation may end.</summary>
    public bool SparesGeneration =>
        Kind
            is FaultKind.KillCoordinator
                or FaultKind.KillBothCoordinators
                or FaultKind.FreezeCoordinator
                or FaultKind.FreezeCoordinatorBeyondTakeover
                or FaultKind.RestartStore;

    /// <summary>True if the coordinator is killed or replaced, so the run needs its standby.</summary>
    public bool NeedsStandby =>
        Kind is FaultKind.KillCoordinator or FaultKind.KillCoordinatorAndWorker or FaultKind.FreezeCoordinatorBeyondTakeover
        || (Kind == FaultKind.KillInRecovery && Victims.Count == 1);
}
