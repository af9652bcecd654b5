namespace ClipTrain.Soak;

/// <summary>What became of a fault.</summary>
/// <param name="Recovery">From the fault, or the end of one that lasts, to the next committed step; from the start where others could go on.</param>
/// <param name="Redone">Steps that were committed, lost and done again.</param>
internal sealed record FaultOutcome(FaultKind Kind, TimeSpan Recovery, long Redone);

/// <summary>Does faults to a run and waits until it has recovered.</summary>
internal sealed class FaultInjector(Fleet fleet, LedgerTail ledger, SoakOptions options, TimeProvider time)
{
    private static readonly TimeSpan StoppedTime = TimeSpan.FromMilliseconds(60), RunningTime = TimeSpan.FromMilliseconds(20);

    /// <exception cref="TimeoutException">The run has committed no step since.</exception>
    public async Task<FaultOutcome> InjectAsync(Fault fault)
    {
        await Task.Delay(fault.Pause, time);
        var (generation, undone) = ledger.Drain(history => (history.Generation!.Generation, history.UndoneSteps));
        var start = time.GetTimestamp();
        // Workers that need not wait for the victim go on while it is away.
        var withoutIt = fault.IsBeyondLease && options.IsElastic ? AfterGeneration(generation) : Task.FromResult(0L);
        await CarryOutAsync(fault);
        var end = time.GetTimestamp();

        // Records that were on their way before the end of the fault prove nothing.
        var entries = ledger.Drain(history => history.Entries);
        await ledger.Until(history => history.Entries > entries, options.RecoveryLimit);
        var recovered = time.GetTimestamp();
        if (fault.BreaksGeneration)
            recovered = await AfterGeneration(generation);
        var recovery = fault.IsBeyondLease && options.IsElastic ? time.GetElapsedTime(start, await withoutIt) : time.GetElapsedTime(end, recovered);
        return new FaultOutcome(fault.Kind, recovery, ledger.Drain(history => history.UndoneSteps) - undone);
    }

    private async Task<long> AfterGeneration(int generation)
    {
        await ledger.Until(history => history.CommittedGeneration > generation, options.RecoveryLimit);
        return time.GetTimestamp();
    }

    private async Task CarryOutAsync(Fault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.KillWorker or FaultKind.KillTwoWorkers or FaultKind.KillAllWorkers:
                await fleet.KillAsync(fault.Victims);
                break;
            case FaultKind.KillInRecovery:
                await fleet.KillAsync(fault.Victims.Take(1));
                await Task.Delay(fault.Length, time);
                await (fault.Victims.Count == 1 ? fleet.Coordinator.KillAsync() : fleet.KillAsync(fault.Victims.Skip(1)));
                break;
            case FaultKind.KillCoordinator:
                await fleet.Coordinator.KillAsync();
                break;
            case FaultKind.FreezeCoordinator:
                fleet.Coordinator.Signal(Posix.Stop);
                await Task.Delay(fault.Length, time);
                fleet.Coordinator.Signal(Posix.Continue);
                break;
            case FaultKind.FreezeWorker or FaultKind.FreezeWorkerBeyondLease:
                fleet.Freeze(fault.Victims[0]);
                await Task.Delay(fault.Length, time);
                fleet.Thaw(fault.Victims[0]);
                break;
            case FaultKind.SlowWorker:
                await SlowAsync(fault.Victims[0], fault.Length);
                break;
            case FaultKind.CutWorker or FaultKind.CutWorkerBeyondLease:
                fleet.Cut(fault.Victims[0]);
                await Task.Delay(fault.Length, time);
                fleet.Return(fault.Victims[0]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "There is no such fault.");
        }
    }

    private async Task SlowAsync(int worker, TimeSpan length)
    {
        for (var start = time.GetTimestamp(); time.GetElapsedTime(start) < length;)
        {
            fleet.Freeze(worker);
            await Task.Delay(StoppedTime, time);
            fleet.Thaw(worker);
            await Task.Delay(RunningTime, time);
        }
    }
}
