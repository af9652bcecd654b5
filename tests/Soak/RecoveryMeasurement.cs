using System.Globalization;

namespace ClipTrain.Soak;

/// <summary>Kills workers of a `cliptrain train` run, one at a time, and measures the time until the run continues.</summary>
public static class RecoveryMeasurement
{
    private const string RunName = "measured";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5),
        LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>Measures once with all workers required and once with one being enough. Returns the number of violations.</summary>
    public static async Task<int> RunAsync(int kills, SoakOptions options, TextWriter output, TimeProvider time)
    {
        var violations = 0;
        foreach (var isElastic in new[] { false, true })
        {
            violations += await MeasureAsync(kills, options with { IsElastic = isElastic }, output, time);
        }

        return violations;
    }

    private static async Task<int> MeasureAsync(int kills, SoakOptions options, TextWriter output, TimeProvider time)
    {
        using var run = new TinyRun { Keep = options.Keep };
        using var violations = new Violations();
        var files = run.Files(RunName);
        // Killing one worker of several must never undo a committed step.
        var history = new StepHistory(new HistoryRules(TinyRun.GlobalBatch, !options.IsElastic, _ => false, _ => 0));
        using var ledger = new LedgerTail(files.Ledger, history, violations);
        var arguments = run.Configuration(RunName, options, keptCheckpoints: 3);
        await using var process = new Supervised(
            RunName,
            () => run.Program([], ["train", .. arguments]),
            exit => violations.Add($"the run exited unexpectedly with code {exit}"),
            run.Log(RunName),
            time
        );
        process.Start();
        process.Retire();
        await ledger.Until(seen => seen.Step > 0, Limit);
        var random = new Random(options.Seed);
        var seconds = new List<double>();
        for (var kill = 0; kill < kills && violations.Texts.Count == 0; kill++)
        {
            violations.Fault++;
            await ledger.Until(
                seen => seen.Generation!.Workers.Count == options.Workers && seen.CommittedGeneration == seen.Generation.Generation,
                Limit
            );
            await Task.Delay(random.NextDouble() * LongestPause, time);
            var generation = ledger.Drain(seen => seen.Generation!.Generation);
            var start = time.GetTimestamp();
            var workers = run.Mark.Find("worker");
            Posix.Send(workers[random.Next(workers.Count)], Posix.Kill);
            await ledger.Until(seen => seen.CommittedGeneration > generation, Limit);
            seconds.Add(time.GetElapsedTime(start).TotalSeconds);
        }

        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{options.Workers} workers, min_workers {(options.IsElastic ? 1 : options.Workers)}: {seconds.Count} kills, "
                    + $"{SoakReport.Median(seconds):F2} s to the next committed step (median; worst {seconds.Max():F2} s), "
                    + $"{history.UndoneSteps} committed steps lost"
            )
        );
        foreach (var text in violations.Texts)
        {
            output.WriteLine($"violation: {text}");
        }

        return violations.Texts.Count;
    }
}
