namespace ClipTrain.Soak;

/// <summary>One fault of a plan.</summary>
/// <param name="Pause">Time without faults before this one.</param>
/// <param name="Victims">Indices of the workers, in the order in which they are hit. If a fault during recovery has one victim, the
/// second process hit is the coordinator.</param>
/// <param name="Length">Duration; for a fault during recovery, the time between the two kills.</param>
public sealed record Fault(FaultKind Kind, TimeSpan Pause, IReadOnlyList<int> Victims, TimeSpan Length)
{
    /// <summary>True if it hits a worker and ends the generation.</summary>
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

    /// <summary>True if it hits only the coordinator: workers keep training, and no generation may end.</summary>
    public bool SparesGeneration =>
        Kind
            is FaultKind.KillCoordinator
                or FaultKind.KillBothCoordinators
                or FaultKind.FreezeCoordinator
                or FaultKind.FreezeCoordinatorBeyondTakeover
                or FaultKind.RestartStore;

    /// <summary>True if the coordinator is killed or replaced, so the run needs a standby.</summary>
    public bool NeedsStandby =>
        Kind is FaultKind.KillCoordinator or FaultKind.KillCoordinatorAndWorker or FaultKind.FreezeCoordinatorBeyondTakeover
        || (Kind == FaultKind.KillInRecovery && Victims.Count == 1);
}
