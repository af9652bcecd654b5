using System.Text.Json;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>Sweeps over a pool of machines, here several nodes of one machine.</summary>
public sealed class PoolTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public async Task Trials_run_on_a_node_with_the_records_of_a_local_sweep_and_none_runs_twice()
    {
        Write("pooled", steps: 6, "0.001", "0.002", "0.003", "0.004");
        using var pool = Start("pool");
        await pool.Printed("Machines join with");
        var address = Address(pool);
        using var node = Start(["node", .. address, "--name", "one"]);
        await node.Printed("has joined the pool");

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "pooled.yaml", .. address]);
        Assert.True(exit == 0, output);
        Assert.Contains("4 of 4 trials have ended", output, StringComparison.Ordinal);
        foreach (var file in Directory.GetFiles(_corpus.PathOf("sweeps", "pooled", "records")))
        {
            var record = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
            Assert.Equal("done", record.GetProperty("state").GetString());
            Assert.Equal(1, record.GetProperty("attempts").GetInt32());
            Assert.InRange(record.GetProperty("core_seconds").GetDouble(), 0.001, 1000);
            Assert.True(record.GetProperty("figures").TryGetProperty("seen.image_to_text.r1", out _));
        }

        Assert.Equal(5, File.ReadAllLines(_corpus.PathOf("sweeps", "pooled", "results.csv")).Length);
        (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "pooled.yaml", .. address]);
        Assert.True(exit == 0, output);
        Assert.DoesNotContain(" on one", output, StringComparison.Ordinal);
        (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "status", "pooled", .. address]);
        Assert.True(exit == 0, output);
        Assert.Contains("The pool has nothing left to do for this sweep.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trial_of_a_killed_node_continues_on_another_with_each_step_once_while_its_sweep_is_killed_too()
    {
        Write("killed", steps: 2000, "0.001");
        using var pool = Start("pool");
        await pool.Printed("Machines join with");
        var address = Address(pool);
        using var first = Start(["node", .. address, "--cores", "1", "--name", "first"]);
        using var sweep = Start(["sweep", "run", "killed.yaml", .. address]);
        await sweep.Printed("starts on first");
        sweep.Kill();
        first.Kill();

        using var second = Start(["node", .. address, "--cores", "1", "--name", "second"]);
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "killed.yaml", .. address]);
        Assert.True(exit == 0, output);
        Assert.Contains("on second", output, StringComparison.Ordinal);

        var trial = Assert.Single(Directory.GetDirectories(_corpus.PathOf("sweeps", "killed", "trials")));
        Assert.Equal(
            Enumerable.Range(1, 2000),
            File.ReadLines(Path.Combine(trial, "metrics.jsonl"))
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt32())
        );
    }

    [Fact]
    public async Task What_a_pool_cannot_run_is_refused_before_anything_starts()
    {
        Write("large", steps: 6, "0.001");
        File.AppendAllText(_corpus.PathOf("large.yaml"), "\ncores: 2\n");
        Write("command", steps: 6, "0.001");
        var text = File.ReadAllText(_corpus.PathOf("command.yaml"));
        File.WriteAllText(
            _corpus.PathOf("command.yaml"),
            text.Replace("set: {", "set: { alerts.command: /bin/true,", StringComparison.Ordinal)
        );
        using var pool = Start("pool");
        await pool.Printed("Machines join with");
        var address = Address(pool);
        using var node = Start(["node", .. address, "--cores", "1"]);
        await node.Printed("has joined the pool");

        AssertRefused(["sweep", "run", "large.yaml", .. address], "the largest node of the pool offers 1");
        AssertRefused(["sweep", "run", "command.yaml", .. address], "alerts.command is /bin/true");
        AssertRefused(["sweep", "run", "large.yaml", "--cores", "1", .. address], "--cores is for trials of this machine");
        Assert.False(Directory.Exists(_corpus.PathOf("sweeps", "large", "trials")));
    }

    private void AssertRefused(string[] arguments, string message)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.Equal(2, exit);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    private ProgramRun Start(params string[] arguments) => ProgramRun.Start(_corpus.Folder, arguments);

    /// <summary>The options that a pool prints for machines.</summary>
    internal static string[] Address(ProgramRun pool)
    {
        var line = pool.Output.Split('\n').First(line => line.Contains("Machines join with", StringComparison.Ordinal));
        return line[line.IndexOf("--coordinator", StringComparison.Ordinal)..].Trim().Split(' ');
    }

    private void Write(string name, int steps, params string[] rates) =>
        File.WriteAllText(
            _corpus.PathOf($"{name}.yaml"),
            $$"""
            name: {{name}}
            base: run.yaml
            set: { cluster: { workers: 1, threads_per_worker: 1 }, training.steps: {{steps}} }
            axes: [{ training.learning_rate: [{{string.Join(", ", rates)}}] }]
            metric: seen.image_to_text.r1
            """
        );
}
