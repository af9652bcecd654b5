using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Monitoring.Runs;

namespace ClipTrain.Monitoring.Tests.Runs;

public sealed class ChangeOutcomeTests : IDisposable
{
    private readonly List<RunFolder> _folders = [];

    [Fact]
    public void A_run_that_changed_what_the_verdict_proposed_says_what_it_gave()
    {
        var runs = Runs(("first", "threads: 1", 0.5, 1), ("second", "threads: 2", 0, 0.625));
        var outcome = ChangeOutcome.Of(runs["second"], runs)!;
        Assert.Equal("Proposed in first: data.threads 1 → 2, expected up to +100 %, measured +60 %.", outcome.Text);
        Assert.Null(ChangeOutcome.Of(runs["first"], runs));
    }

    [Fact]
    public void A_change_that_made_it_slower_says_so() =>
        Assert.EndsWith(
            "measured -20 %.",
            Outcome(("first", "threads: 1", 0.5, 1), ("second", "threads: 2", 0, 1.25)),
            StringComparison.Ordinal
        );

    [Fact]
    public void A_key_that_the_earlier_run_did_not_set_counts_as_changed() =>
        Assert.Contains(
            "data.threads none → 2",
            Outcome(("first", "shuffle_window: 2", 0.5, 1), ("second", "shuffle_window: 2, threads: 2", 0, 1)),
            StringComparison.Ordinal
        );

    [Fact]
    public void Another_change_or_a_second_one_says_nothing()
    {
        Assert.Null(Outcome(("first", "threads: 1", 0.5, 1), ("second", "threads: 2, shuffle_window: 2", 0, 0.5)));
        Assert.Null(Outcome(("first", "shuffle_window: 1", 0.5, 1), ("second", "shuffle_window: 2", 0, 0.5)));
        Assert.Null(Outcome(("first", "threads: 1", 0.5, 1), ("second", "threads: 1", 0, 0.5)));
    }

    public void Dispose() => _folders.ForEach(folder => folder.Dispose());

    private string? Outcome(params (string Name, string Data, double Wait, double Seconds)[] runs)
    {
        var read = Runs(runs);
        return ChangeOutcome.Of(read[runs[^1].Name], read)?.Text;
    }

    /// <summary>Runs in the order of their creation, each with its keys under data, its wait for data and its seconds a step.</summary>
    private SortedDictionary<string, WatchedRun> Runs(params (string Name, string Data, double Wait, double Seconds)[] runs)
    {
        var read = new SortedDictionary<string, WatchedRun>(StringComparer.Ordinal);
        foreach (var (i, (name, data, wait, seconds)) in runs.Index())
        {
            var folder = new RunFolder(name);
            _folders.Add(folder);
            var config = Path.Combine(folder.Directory, "config.yaml");
            File.WriteAllText(config, $"name: {name}\ndata: {{ {data} }}\noutput: {{ directory: {name} }}\n");
            File.SetLastWriteTimeUtc(config, new DateTime(2030, 1, 1 + i, 0, 0, 0, DateTimeKind.Utc));
            using (var ledger = FileRunLedger.Open(Path.Combine(folder.Directory, "ledger"), term: 1))
            {
                var loader = new LoaderMetrics(Idle(0.1), Idle(0.9), Idle(0.1), Idle(0.1), 0, 0) { Threads = 1, Cores = 2 };
                var steps = Enumerable
                    .Range(1, 20)
                    .Select(step => Records.Step(step, 2, dataWait: wait, seconds: seconds))
                    .Select(step => new LedgerEntry(Step: step with { Metrics = step.Metrics with { Loader = loader } }));
                Assert.True(ledger.AppendAsync([.. steps]).IsCompletedSuccessfully);
            }

            read[name] = new WatchedRun(folder.Directory, TimeProvider.System);
            read[name].Read();
        }

        return read;
    }

    private static StageMetrics Idle(double busy) => new(1, busy, 0, 0);
}
