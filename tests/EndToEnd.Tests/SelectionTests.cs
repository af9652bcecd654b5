using System.Text.RegularExpressions;

namespace ClipTrain.EndToEnd.Tests;

public sealed partial class SelectionTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_run_over_a_selection_trains_only_on_its_rows_each_once_per_epoch(int workers)
    {
        var output = Train(
            "sel",
            "data.filter=label in ('red', 'green', 'blue') and text not like '%number 3'",
            "data.subset=0.7",
            $"cluster.workers={workers}"
        );

        var (exit, audit) = ProgramRun.Finish(_corpus.Folder, "data", "audit", "runs/sel", "--list", "uses.tsv");
        Assert.True(exit == 0, audit);
        Assert.Contains("every sample was consumed exactly once", audit, StringComparison.Ordinal);
        var rows = File.ReadLines(_corpus.PathOf("uses.tsv"))
            .Skip(1)
            .Select(line => int.Parse(Place().Match(line).Groups["row"].Value))
            .ToArray();
        Assert.All(rows, row => Assert.True(row % 6 < 3 && row / 6 != 3, $"row {row}"));
        Assert.InRange(rows.Distinct().Count(), 20, 44);
        Assert.Contains("96 rows in the corpus", output, StringComparison.Ordinal);
        Assert.Contains("45 left", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_over_a_selection_resumes_bitwise_without_its_query_files()
    {
        File.WriteAllLines(_corpus.PathOf("queries.txt"), ["red square", "Grey"]);
        Train("unbroken", "data.balance={queries: queries.txt, cap: 12}", "data.deduplicate=exact");
        var expected = _corpus.Model("unbroken", 12);
        foreach (var step in new[] { 10, 12 })
        {
            Directory.Delete(_corpus.PathOf("runs", "unbroken", "checkpoints", $"step-{step:D8}"), recursive: true);
        }

        File.Delete(_corpus.PathOf("queries.txt"));

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "resume", "runs/unbroken");

        Assert.True(exit == 0, output);
        Assert.Equal(expected, _corpus.Model("unbroken", 12));
    }

    [Fact]
    public async Task A_joining_worker_receives_the_selection_from_the_coordinator()
    {
        Train("local", "data.subset=0.5", "cluster.workers=1");
        var address = $"127.0.0.1:{ProgramRun.FreePort()}";
        using var coordinator = ProgramRun.Start(
            _corpus.Folder,
            "coordinator",
            _corpus.RunFile,
            "--listen",
            address,
            "--token",
            "secret",
            "--set",
            "name=served",
            "--set",
            "evaluation={}",
            "--set",
            "data.subset=0.5",
            "--set",
            "cluster.workers=1"
        );
        await coordinator.Printed("--coordinator");
        using var worker = ProgramRun.Start(_corpus.Folder, "worker", "--coordinator", address, "--token", "secret", "--cores", "1");

        Assert.True(coordinator.WaitForExit() == 0, coordinator.Output + worker.Output);
        Assert.Equal(_corpus.Model("local", 12), _corpus.Model("served", 12));
    }

    [Fact]
    public void An_invalid_condition_is_reported_before_training()
    {
        AssertFails("data.filter=clip_score > 0.28", "clip_score", "label (VARCHAR)");
        AssertFails("data.filter=label = 'x'; drop table y", "contains ;");
        AssertFails("data.filter=label = 'pink'", "no row of the corpus is left", "0 left");
        Assert.False(Directory.Exists(_corpus.PathOf("runs", "tiny")));
    }

    public void Dispose() => _corpus.Dispose();

    private string Train(string name, params string[] sets)
    {
        var (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            ["train", _corpus.RunFile, "--set", $"name={name}", "--set", "evaluation={}", .. sets.SelectMany(set => new[] { "--set", set })]
        );
        Assert.True(exit == 0, output);
        return output;
    }

    private void AssertFails(string set, params string[] texts)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "train", _corpus.RunFile, "--set", set);
        Assert.True(exit is 4, output);
        Assert.All(texts, text => Assert.Contains(text, output, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"train\.parquet:(?<row>\d+)", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Place();
}
