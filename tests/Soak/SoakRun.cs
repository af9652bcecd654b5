using System.Diagnostics;
using System.Globalization;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Soak;

/// <summary>Trains a tiny model under faults and compares the result with a run without faults.</summary>
public static class SoakRun
{
    private const int LogLines = 60;

    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A checkpoint younger than this when its writer was killed may not have been reported to the coordinator, nor one written while the
    /// coordinator was frozen.
    /// </summary>
    private static readonly TimeSpan TellTime = TimeSpan.FromSeconds(2);

    /// <summary>Returns the number of violations.</summary>
    /// <param name="options">Options of the test.</param>
    /// <param name="output">Receives events, line by line, and the report.</param>
    /// <param name="time">Clock for pauses and measurements.</param>
    public static async Task<int> RunAsync(SoakOptions options, TextWriter output, TimeProvider time)
    {
        await using var store = await StoreServer.StartAsync(options.Clustering);
        using var run = new TinyRun { Keep = options.Keep, Store = store };
        using var violations = new Violations();
        using IHosts hosts = options.HasNetwork ? new SeparateHosts(options.Workers + 1) : new LocalHost();
        var files = run.Files(Fleet.RunName);
        await using var fleet = new Fleet(run, options, hosts, violations, time);
        var history = new StepHistory(
            new HistoryRules(
                TinyRun.GlobalBatch,
                !options.IsElastic,
                source => fleet.Touches.AllSince(source.Time, source.Workers),
                KnownCheckpoint
            )
        );
        var outcomes = new List<FaultOutcome>();
        output.WriteLine($"{options.Faults} faults with seed {options.Seed} in {run.Folder}");
        using (var ledger = new LedgerTail(files.Ledger, history, violations))
        {
            try
            {
                await DisturbAsync(run, options, fleet, store, ledger, violations, outcomes, output, time);
                // On a slow machine the last fault may come before the first checkpoint, and the runs are compared at one.
                await ledger.Until(seen => seen.Step > TinyRun.CheckpointEvery, options.RecoveryLimit);
                await fleet.StopAsync();
                ledger.Drain(_ => true);
            }
            catch (TimeoutException error)
            {
                violations.Add(
                    $"the run did not recover from a fault within {options.RecoveryLimit.TotalSeconds} s; the last step is "
                        + $"{history.Step}: {error.Message}"
                );
            }
            catch (OperationCanceledException) when (violations.Found.IsCancellationRequested)
            {
                // The violation gives the reason.
            }
        }

        if (violations.Texts.Count == 0)
        {
            await CheckAsync(run, history, new Reference(run, options, violations, time), violations);
        }

        SoakReport.Write(output, outcomes);
        output.WriteLine(
            $"{history.Step} steps in {history.Generation?.Generation ?? 0} generations under {history.Segments} hosts; workers "
                + $"were refused, or lost their coordinator, {fleet.Refusals} times"
        );
        if (violations.Texts.Count > 0)
        {
            run.Keep = true;
            Explain(options, files.Log, fleet, violations, output);
        }

        output.WriteLine($"{outcomes.Count} faults, {violations.Texts.Count} violations");
        return violations.Texts.Count;

        long KnownCheckpoint(long step) =>
            run.Checkpoints(Fleet.RunName, fleet.Touches.ToldUntil(TellTime)).Where(known => known <= step).DefaultIfEmpty(0).Max();
    }

    private static async Task DisturbAsync(
        TinyRun run,
        SoakOptions options,
        Fleet fleet,
        StoreServer? store,
        LedgerTail ledger,
        Violations violations,
        List<FaultOutcome> outcomes,
        TextWriter output,
        TimeProvider time
    )
    {
        fleet.Start();
        await ledger.Until(history => history.Step > 0, StartLimit);
        var injector = new FaultInjector(fleet, store, ledger, violations, options, time);
        foreach (var fault in FaultPlan.Draw(options.Seed, options.Faults, options.Kinds, options.Workers, options.Lease))
        {
            violations.Fault++;
            run.NoteSharedMemory();
            var outcome = await injector.InjectAsync(fault);
            outcomes.Add(outcome);
            var (step, generation) = ledger.Drain(history => (history.Step, history.Generation!.Generation));
            output.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{violations.Fault}/{options.Faults} {fault.Kind} [{string.Join(' ', fault.Victims)}] "
                        + $"{fault.Length.TotalSeconds:F2} s: next step after {outcome.Recovery.TotalSeconds:F2} s; step {step}, "
                        + $"generation {generation}"
                )
            );
        }
    }

    private static async Task CheckAsync(TinyRun run, StepHistory history, Reference reference, Violations violations)
    {
        violations.Fault = 0;
        foreach (var leftover in run.Leftovers())
        {
            violations.Add(leftover);
        }

        using var audit = Process.Start(run.Program([], "data", "audit", Fleet.RunName))!;
        var text = await audit.StandardOutput.ReadToEndAsync();
        await audit.WaitForExitAsync();
        foreach (var wrong in WrongMetrics(run.Files(Fleet.RunName), history))
        {
            violations.Add(wrong);
        }

        if (audit.ExitCode != 0)
        {
            violations.Add(
                $"the audit exited with code {audit.ExitCode}: "
                    + $"{string.Join("; ", text.Split('\n').Where(line => line.StartsWith("fault:", StringComparison.Ordinal)))}"
            );
        }

        if (violations.Texts.Count == 0)
        {
            await reference.CompareAsync(history);
        }
    }

    /// <summary>
    /// Problems of the run's files: the metrics must contain each committed step once, in order, since only the run's host writes them,
    /// and a stopped run has no summary.
    /// </summary>
    private static IEnumerable<string> WrongMetrics(RunFiles files, StepHistory history)
    {
        long last = 0;
        foreach (var step in MetricsFile.Read(files.Metrics).Select(metrics => metrics.Step))
        {
            if (step != ++last)
            {
                yield return $"{files.Metrics} has step {step} instead of step {last}";
                yield break;
            }
        }

        if (last != history.Step)
        {
            yield return $"{files.Metrics} ends with step {last}, the ledger with step {history.Step}";
        }

        if (File.Exists(files.Summary))
        {
            yield return $"{files.Summary} exists, although the run was stopped";
        }
    }

    private static void Explain(SoakOptions options, string log, Fleet fleet, Violations violations, TextWriter output)
    {
        foreach (var process in fleet.All)
        {
            output.WriteLine($"---- last lines of {process.Name}");
            foreach (var line in process.LastLines)
            {
                output.WriteLine(line);
            }
        }

        output.WriteLine("---- last lines of the run's log");
        foreach (var line in File.ReadLines(log).Where(line => !line.Contains(" INF step ", StringComparison.Ordinal)).TakeLast(LogLines))
        {
            output.WriteLine(line);
        }

        output.WriteLine("----");
        foreach (var text in violations.Texts)
        {
            output.WriteLine($"violation: {text}");
        }

        output.WriteLine(
            $"to repeat: scripts/soak --faults {options.Faults} --seed {options.Seed} --workers {options.Workers} --mode "
                + $"{(options.IsElastic ? "elastic" : "fixed")} --clustering {options.Clustering.ToString().ToLowerInvariant()}"
        );
    }
}
