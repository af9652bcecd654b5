using System.Runtime.InteropServices;
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
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one");

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "pooled.yaml", .. pool.Address]);
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
        (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "pooled.yaml", .. pool.Address]);
        Assert.True(exit == 0, output);
        Assert.DoesNotContain(" on one", output, StringComparison.Ordinal);
        (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "status", "pooled", .. pool.Address]);
        Assert.True(exit == 0, output);
        Assert.Contains("The pool has nothing left to do for this sweep.", output, StringComparison.Ordinal);
        pool[0].Signal(PosixSignal.SIGINT);
        pool[0].AssertExit(130);
    }

    [Fact]
    public async Task A_trial_of_a_killed_node_continues_on_another_with_each_step_once_while_its_sweep_is_killed_too()
    {
        Write("killed", steps: 2000, "0.001");
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "first");
        using var sweep = Start(["sweep", "run", "killed.yaml", .. pool.Address]);
        await sweep.Printed("starts on first");
        sweep.Kill();
        pool[0].Kill();

        pool.Start("second");
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "killed.yaml", .. pool.Address]);
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
    public async Task A_trial_whose_process_is_killed_has_no_process_left_when_it_counts_as_failed()
    {
        Write("alone", steps: 100_000, "0.001");
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one");
        using var sweep = Start(["sweep", "run", "alone.yaml", .. pool.Address]);
        await sweep.Printed("starts on one");
        var trial = Assert.Single(Directory.GetFiles(_corpus.PathOf("sweeps", "alone", "configs")));
        var run = _corpus.PathOf("sweeps", "alone", "trials", Path.GetFileNameWithoutExtension(trial));
        await sweep.WritesCheckpoint(run);

        var processes = pool[0].Find(run);
        Assert.InRange(processes.Count, 2, int.MaxValue);
        pool[0].KillTrial();
        await pool[0].Printed("failed: its process exited with code 137");
        Assert.DoesNotContain(processes, id => ProcessMark.ArgumentsOf(id).Length > 0);
    }

    [Fact]
    public async Task A_killed_node_that_is_started_again_joins_once_its_trial_has_ended()
    {
        Write("again", steps: 1000, "0.001");
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one");
        using var sweep = Start(["sweep", "run", "again.yaml", .. pool.Address]);
        await sweep.Printed("starts on one");
        var trial = Assert.Single(Directory.GetFiles(_corpus.PathOf("sweeps", "again", "configs")));
        await sweep.WritesCheckpoint(_corpus.PathOf("sweeps", "again", "trials", Path.GetFileNameWithoutExtension(trial)));
        pool[0].Kill();

        await pool.Start("one").Printed("has joined the pool");
        Assert.Empty(pool[0].Find("train").Concat(pool[0].Find("worker")));
        sweep.AssertExit(0);
    }

    [Fact]
    public async Task A_trial_larger_than_any_node_runs_on_two_with_the_weights_of_one_machine_and_leaves_no_process()
    {
        Write("wide", steps: 30, cores: 2, "0.001");
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one", "two");
        var (one, two) = (pool[0], pool[1]);

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "run", "wide.yaml", .. pool.Address]);
        Assert.True(exit == 0, output);
        Assert.Contains("starts on one, cpu:0; two, cpu:0", output, StringComparison.Ordinal);
        Assert.Empty(one.Find("worker").Concat(two.Find("worker")));
        Assert.Empty(one.Find("coordinator").Concat(two.Find("coordinator")));

        var trial = Assert.Single(Directory.GetDirectories(_corpus.PathOf("sweeps", "wide", "trials")));
        (exit, output) = ProgramRun.Finish(_corpus.Folder, ["data", "audit", trial]);
        Assert.True(exit == 0, output);
        Assert.Contains("every sample was consumed exactly once", output, StringComparison.Ordinal);
        (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            ["train", Path.Combine(trial, "config.yaml"), "--set", "name=alone", "--set", "output.directory=runs"]
        );
        Assert.True(exit == 0, output);
        Assert.Equal(
            _corpus.Model("alone", step: 30),
            File.ReadAllBytes(Path.Combine(trial, "checkpoints", "step-00000030", "model.safetensors"))
        );
    }

    [Theory]
    [InlineData("one")]
    [InlineData("two")]
    public async Task A_trial_over_two_nodes_continues_when_either_dies_with_each_step_once(string dies)
    {
        Write("lost", steps: 1000, cores: 2, "0.001");
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one", "two");
        var (one, two) = (pool[0], pool[1]);
        using var sweep = Start(["sweep", "run", "lost.yaml", .. pool.Address]);
        await sweep.Printed("starts on one, cpu:0; two, cpu:0");
        var trial = Assert.Single(Directory.GetFiles(_corpus.PathOf("sweeps", "lost", "configs")));
        var run = _corpus.PathOf("sweeps", "lost", "trials", Path.GetFileNameWithoutExtension(trial));
        await sweep.WritesCheckpoint(run);

        // Every process of the machine is gone at once, as after a power loss.
        var (lost, stays) = dies == "one" ? (one, two) : (two, one);
        lost.KillAll();
        await sweep.Printed("returns to the queue");
        Assert.Empty(stays.Find("worker").Concat(stays.Find("coordinator")));

        var three = pool.Start("three");
        await sweep.Printed("resumes on");
        sweep.AssertExit(0);
        Assert.Contains("three, cpu:0", sweep.Output, StringComparison.Ordinal);
        Assert.Empty(stays.Find("worker").Concat(three.Find("worker")));
        Assert.Equal(
            Enumerable.Range(1, 1000),
            File.ReadLines(Path.Combine(run, "metrics.jsonl"))
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt32())
        );
    }

    [Fact]
    public async Task A_stopped_sweep_stops_a_trial_over_two_nodes_at_a_checkpoint_and_leaves_no_process()
    {
        Write("stopped", steps: 100_000, cores: 2, "0.001");
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one", "two");
        var (one, two) = (pool[0], pool[1]);
        using var sweep = Start(["sweep", "run", "stopped.yaml", .. pool.Address]);
        await sweep.Printed("starts on one, cpu:0; two, cpu:0");
        var trial = Assert.Single(Directory.GetFiles(_corpus.PathOf("sweeps", "stopped", "configs")));
        var run = _corpus.PathOf("sweeps", "stopped", "trials", Path.GetFileNameWithoutExtension(trial));
        await sweep.WritesCheckpoint(run);

        var (exit, output) = ProgramRun.Finish(_corpus.Folder, ["sweep", "stop", "stopped", .. pool.Address]);
        Assert.True(exit == 0, output);
        await sweep.Printed(" stopped (");
        sweep.AssertExit(0);
        Assert.Empty(one.Find("worker").Concat(two.Find("worker")).Concat(one.Find("coordinator")));
        var steps = File.ReadLines(Path.Combine(run, "metrics.jsonl")).Count();
        Assert.True(Directory.Exists(Path.Combine(run, "checkpoints", $"step-{steps:D8}")), $"There is no checkpoint of step {steps}.");
    }

    [Fact]
    public async Task What_a_pool_cannot_run_is_refused_before_anything_starts()
    {
        Write("large", steps: 6, cores: 2, "0.001");
        Write("command", steps: 6, "0.001");
        Write("gpu", steps: 6, "0.001");
        var text = File.ReadAllText(_corpus.PathOf("command.yaml"));
        File.WriteAllText(
            _corpus.PathOf("command.yaml"),
            text.Replace("set: {", "set: { alerts.command: /bin/true,", StringComparison.Ordinal)
        );
        text = File.ReadAllText(_corpus.PathOf("gpu.yaml"));
        File.WriteAllText(_corpus.PathOf("gpu.yaml"), text.Replace("cluster: {", "cluster: { device: cuda,", StringComparison.Ordinal));
        using var pool = await ProgramPool.StartAsync(_corpus.Folder, "one");

        AssertRefused(["sweep", "run", "large.yaml", .. pool.Address], "but the pool has 1, its largest node 1");
        AssertRefused(["sweep", "run", "command.yaml", .. pool.Address], "alerts.command is /bin/true");
        AssertRefused(
            ["sweep", "run", "large.yaml", "--cores", "1", .. pool.Address],
            "--cores and --device are for trials of this machine"
        );
        AssertRefused(["sweep", "run", "gpu.yaml"], "name those that they share with --device");
        AssertRefused(["sweep", "run", "large.yaml", "--device", "cuda:0"], "--device is for trials on GPUs");
        AssertRefused(["node", .. pool.Address, "--cores", "1", "--device", "cuda:0"], "A node offers a pool cores or GPUs");
        AssertRefused(["node", .. pool.Address, "--device", "gpu"], "--device is 'gpu', which is not a GPU");
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

    private void Write(string name, int steps, params string[] rates) => Write(name, steps, cores: 1, rates);

    /// <summary>Writes a sweep whose trials have a worker a core.</summary>
    private void Write(string name, int steps, int cores, params string[] rates) =>
        File.WriteAllText(
            _corpus.PathOf($"{name}.yaml"),
            $$"""
            name: {{name}}
            base: run.yaml
            cores: {{cores}}
            set: { cluster: { workers: {{cores}}, threads_per_worker: 1 }, training.steps: {{steps}} }
            axes: [{ training.learning_rate: [{{string.Join(", ", rates)}}] }]
            metric: seen.image_to_text.r1
            """
        );
}
