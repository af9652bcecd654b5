using System.Globalization;

namespace ClipTrain.Soak;

/// <summary>
/// Repeatedly kills the coordinator of a `cliptrain train` run and measures the time until another process records a step.
/// </summary>
public static class TakeoverMeasurement
{
    private const string RunName = "measured";

    /// <summary>
    /// If a worker waits for its coordinator, one of its steps takes at least this share of the takeover, and at least this many median
    /// steps.
    /// </summary>
    private const double StoppedShare = 0.5,
        StoppedSteps = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5),
        LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>Returns the number of violations.</summary>
    public static async Task<int> RunAsync(int kills, SoakOptions options, TextWriter output, TimeProvider time)
    {
        await using var store = await StoreServer.StartAsync(options.Clustering);
        using var run = new TinyRun { Keep = options.Keep, Store = store };
        using var violations = new Violations();
        var files = run.Files(RunName);
        var history = new StepHistory(new HistoryRules(TinyRun.GlobalBatch, IsBitwise: true, _ => false, _ => 0));
        using var ledger = new LedgerTail(files.Ledger, history, violations);
        var arguments = run.Configuration(RunName, options, keptCheckpoints: 3);
        await using var coordinators = new Coordinators(run, RunName, () => run.Program([], ["train", .. arguments]), violations, time);
        coordinators.Start();
        await ledger.Until(seen => seen.Step > 0, Limit);
        var generation = history.Generation!.Generation;
        var random = new Random(options.Seed);
        var seconds = new List<double>();
        var (longest, trained) = (0.0, new List<double>());
        for (var kill = 0; kill < kills && violations.Texts.Count == 0; kill++)
        {
            violations.Fault++;
            var host = await coordinators.WithStandbyAsync(Limit);
            await Task.Delay(random.NextDouble() * LongestPause, time);
            var (segments, step) = ledger.Drain(seen => (seen.Segments, seen.Step));
            var start = time.GetTimestamp();
            Posix.Send(host, Posix.Kill);
            await ledger.Until(seen => seen.Segments > segments && seen.Step > step, Limit);
            var away = time.GetElapsedTime(start).TotalSeconds;
            seconds.Add(away);

            // One more heartbeat delivers the steps trained meanwhile.
            var first = ledger.Drain(seen => seen.Step);
            await ledger.Until(seen => seen.Step > first, Limit);
            var (all, last) = ledger.Drain(seen => (seen.StepSeconds.ToArray(), seen.Step));
            var during = all[(int)step..(int)last];
            trained.Add(during.Length);
            longest = Math.Max(longest, during.Max());
            if (during.Max() > StoppedShare * away && during.Max() > StoppedSteps * SoakReport.Median(all))
            {
                violations.Add($"a step took {during.Max():F2} s while the coordinator was away for {away:F2} s: the workers waited");
            }

            if (ledger.Drain(seen => seen.Generation!.Generation) is var now && now != generation)
            {
                violations.Add($"generation {now} formed, although only coordinators were killed");
            }
        }

        if (violations.Texts.Count == 0)
        {
            await coordinators.StopAsync(Limit);
        }

        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{options.Workers} workers, {options.Clustering.ToString().ToLowerInvariant()} clustering: {seconds.Count} kills of the "
                    + $"coordinator, {SoakReport.Median(seconds):F2} s until another process recorded a step (median; worst "
                    + $"{seconds.Max():F2} s); "
                    + $"generation {history.Generation!.Generation} throughout, {history.UndoneSteps} committed steps lost; "
                    + $"{SoakReport.Median(trained):F0} steps meanwhile (median), the longest {longest:F2} s, the median step "
                    + $"{SoakReport.Median(history.StepSeconds):F3} s"
            )
        );
        foreach (var text in violations.Texts)
        {
            output.WriteLine($"violation: {text}");
        }

        return violations.Texts.Count;
    }
}
