namespace ClipTrain.Soak;

/// <summary>One fault of a plan.</summary>
/// <param name="Pause">How long the run is left alone before it.</param>
/// <param name="Victims">Indices of workers, in the order in which they are hit. In a recovery a lone victim's second is the
/// coordinator.</param>
/// <param name="Length">How long it lasts; in a recovery, the time between first and second.</param>
public sealed record Fault(FaultKind Kind, TimeSpan Pause, IReadOnlyList<int> Victims, TimeSpan Length)
{
    /// <summary>Whether a worker is hit so that its generation is over.</summary>
    public bool BreaksGeneration =>
        Kind
            is FaultKind.KillWorker
                or FaultKind.KillTwoWorkers
                or FaultKind.KillAllWorkers
                or FaultKind.KillCoordinatorAndWorker
                or FaultKind.KillInRecovery
        || IsBeyondLease;

    /// <summary>Whether workers that need not wait for the victim can go on while the fault lasts.</summary>
    public bool IsBeyondLease => Kind is FaultKind.FreezeWorkerBeyondLease or FaultKind.CutWorkerBeyondLease;

    /// <summary>Whether the coordinator alone is hit, so that its workers train on and no generation may end.</summary>
    public bool SparesGeneration =>
        Kind
            is FaultKind.KillCoordinator
                or FaultKind.KillBothCoordinators
                or FaultKind.FreezeCoordinator
                or FaultKind.FreezeCoordinatorBeyondTakeover
                or FaultKind.RestartStore;

    /// <summary>Whether the coordinator is killed or replaced and the run needs its standby.</summary>
    public bool NeedsStandby =>
        Kind is FaultKind.KillCoordinator or FaultKind.KillCoordinatorAndWorker or FaultKind.FreezeCoordinatorBeyondTakeover
        || (Kind == FaultKind.KillInRecovery && Victims.Count == 1);
}
