namespace ClipTrain.Soak;

/// <summary>Outcome of a fault.</summary>
/// <param name="Recovery">Time to the next committed step. It counts from the end of the fault, or from its start if other workers
/// could continue.</param>
/// <param name="Redone">Number of committed steps that were lost and repeated.</param>
internal sealed record FaultOutcome(FaultKind Kind, TimeSpan Recovery, long Redone);

/// <summary>Injects faults into a run and waits for its recovery.</summary>
/// <param name="fleet">The run's processes.</param>
/// <param name="store">The membership server; null without one.</param>
/// <param name="ledger">Progress of the run.</param>
/// <param name="violations">Receives violations caused by a fault.</param>
internal sealed class FaultInjector(
    Fleet fleet,
    StoreServer? store,
    LedgerTail ledger,
    Violations violations,
    SoakOptions options,
    TimeProvider time
)
{
    private static readonly TimeSpan StoppedTime = TimeSpan.FromMilliseconds(60),
        RunningTime = TimeSpan.FromMilliseconds(20);

    /// <exception cref="TimeoutException">The run committed no further step.</exception>
    public async Task<FaultOutcome> InjectAsync(Fault fault)
    {
        if (fault.SparesGeneration)
        {
            await ledger.Until(
                history =>
                    history.Generation!.Workers.Count == options.Workers && history.CommittedGeneration == history.Generation.Generation,
                options.RecoveryLimit
            );
        }

        await Task.Delay(fault.Pause, time);
        if (fault.NeedsStandby)
        {
            await fleet.Coordinators.WithStandbyAsync(options.RecoveryLimit);
        }

        var (generation, undone, hosts) = ledger.Drain(history => (history.Generation!.Generation, history.UndoneSteps, history.Segments));

        // On a busy machine the previous fault may have cost another generation meanwhile. One that is still forming needs its coordinator.
        var isSpared = fault.SparesGeneration && ledger.Drain(history => history.CommittedGeneration) == generation;
        var start = time.GetTimestamp();
        // Workers that need not wait for the victim continue meanwhile.
        var withoutIt = fault.IsBeyondLease && options.IsElastic ? AfterGeneration() : Task.FromResult(0L);
        await CarryOutAsync(fault);
        var end = time.GetTimestamp();

        // Records sent before the end of the fault prove nothing.
        var entries = ledger.Drain(history => history.Entries);
        await ledger.Until(history => history.Entries > entries, options.RecoveryLimit);
        var recovered = time.GetTimestamp();
        if (fault.BreaksGeneration)
        {
            recovered = await AfterGeneration();
        }

        if (isSpared && ledger.Drain(history => history.Generation!.Generation) is var now && now != generation)
        {
            violations.Add($"generation {now} formed, although the fault hit only the coordinator of generation {generation}");
        }

        var recovery =
            fault.IsBeyondLease && options.IsElastic ? time.GetElapsedTime(start, await withoutIt) : time.GetElapsedTime(end, recovered);
        return new FaultOutcome(fault.Kind, recovery, ledger.Drain(history => history.UndoneSteps) - undone);

        async Task<long> AfterGeneration()
        {
            // A coordinator that takes over meanwhile, still because of the previous fault, renews every lease: the victim need not be lost.
            await ledger.Until(
                history => history.CommittedGeneration > generation || (fault.IsBeyondLease && history.Segments > hosts),
                options.RecoveryLimit
            );
            return time.GetTimestamp();
        }
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
                await (fault.Victims.Count == 1 ? fleet.Coordinators.KillHostAsync() : fleet.KillAsync(fault.Victims.Skip(1)));
                break;
            case FaultKind.KillCoordinator:
                await fleet.Coordinators.KillHostAsync();
                break;
            case FaultKind.KillBothCoordinators:
                await fleet.Coordinators.KillAllAsync();
                await Task.Delay(fault.Length, time);
                fleet.Coordinators.Start();
                break;
            case FaultKind.KillCoordinatorAndWorker:
                await Task.WhenAll(fleet.Coordinators.KillHostAsync(), fleet.KillAsync(fault.Victims));
                break;
            case FaultKind.FreezeCoordinator when fleet.Coordinators.Host is { } host:
                var frozen = time.GetUtcNow();
                Posix.Send(host, Posix.Stop);
                await Task.Delay(fault.Length, time);
                Posix.Send(host, Posix.Continue);
                fleet.Touches.AddCoordinatorSilence(frozen);
                break;
            case FaultKind.FreezeCoordinator:
                // It is being replaced.
                break;
            case FaultKind.FreezeCoordinatorBeyondTakeover:
                await FreezeBeyondTakeoverAsync(await fleet.Coordinators.WithStandbyAsync(options.RecoveryLimit), fault.Length);
                break;
            case FaultKind.CutCoordinators:
                fleet.CutCoordinators();
                await Task.Delay(fault.Length, time);
                fleet.ReturnCoordinators();
                break;
            case FaultKind.RestartStore:
                await store!.StopAsync();
                await Task.Delay(fault.Length, time);
                await store.StartAsync();
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
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "Unknown kind of fault.");
        }
    }

    /// <summary>
    /// Freezes the host until another process has recorded steps, and for the length after that. Once resumed, it must exit.
    /// </summary>
    private async Task FreezeBeyondTakeoverAsync(int host, TimeSpan length)
    {
        var (segments, entries) = ledger.Drain(history => (history.Segments, history.Entries));
        Posix.Send(host, Posix.Stop);
        await ledger.Until(history => history.Segments > segments && history.Entries > entries, options.RecoveryLimit);
        await Task.Delay(length, time);
        Posix.Send(host, Posix.Continue);
        await fleet.Coordinators.EndAsync(host, options.RecoveryLimit);
    }

    private async Task SlowAsync(int worker, TimeSpan length)
    {
        var start = time.GetTimestamp();
        while (time.GetElapsedTime(start) < length)
        {
            fleet.Freeze(worker);
            await Task.Delay(StoppedTime, time);
            fleet.Thaw(worker);
            await Task.Delay(RunningTime, time);
        }
    }
}
