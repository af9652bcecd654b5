using System.Text.Json;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.EndToEnd.Tests;

public sealed class SweepTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public async Task A_killed_sweep_resumes_with_each_trial_once_and_ends_bitwise_equal()
    {
        Write("whole");
        Write("killed");
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "sweep", "run", "whole.yaml", "--cores", "1");
        Assert.True(exit == 0, output);

        using var first = ProgramRun.Start(_corpus.Folder, "sweep", "run", "killed.yaml", "--cores", "1");
        await first.Printed("starts on cpu:0");
        first.Kill();
        first.WaitForExit();
        (exit, output) = ProgramRun.Finish(_corpus.Folder, "sweep", "run", "killed.yaml", "--cores", "1");
        Assert.True(exit == 0, output);
        Assert.Contains("resumes on cpu:0", output, StringComparison.Ordinal);
        Assert.Contains("2 of 2 trials have ended", output, StringComparison.Ordinal);

        var trials = Trials("whole");
        Assert.Equal(trials, Trials("killed"));
        foreach (var trial in trials)
        {
            Assert.Equal(Weights("whole", trial), Weights("killed", trial));
            Assert.Equal(
                Enumerable.Range(1, 6),
                File.ReadLines(_corpus.PathOf("sweeps", "killed", "trials", trial, "metrics.jsonl"))
                    .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt32())
            );
        }
    }

    [Fact]
    public void A_finished_sweep_repeats_no_trial_and_a_second_process_is_rejected_while_one_runs()
    {
        Write("done");
        Assert.Equal(0, ProgramRun.Finish(_corpus.Folder, "sweep", "run", "done.yaml").ExitCode);
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "sweep", "run", "done.yaml");
        Assert.True(exit == 0, output);
        Assert.DoesNotContain("begins", output, StringComparison.Ordinal);
        File.WriteAllText(_corpus.PathOf("done"), "a file that is called as the sweep is");
        Assert.Contains("2 done", ProgramRun.Finish(_corpus.Folder, "sweep", "status", "done").Output, StringComparison.Ordinal);

        using (RunLock.Acquire(_corpus.PathOf("sweeps", "done", "sweep.lock"), TimeProvider.System))
        {
            (exit, output) = ProgramRun.Finish(_corpus.Folder, "sweep", "run", "done.yaml");
        }

        Assert.Equal(2, exit);
        Assert.Contains("another process runs this sweep", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Laws_are_fitted_to_a_table_and_predict_and_a_bad_table_is_a_one_line_error()
    {
        File.WriteAllText(_corpus.PathOf("results.csv"), "compute,error\n1e6,0.8\n1e7,0.62\n1e8,0.5\n1e9,0.4\n");
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "scaling", "fit", "results.csv", "--law", "power", "-o", "law");
        Assert.True(exit == 0, output);
        (exit, output) = ProgramRun.Finish(_corpus.Folder, "scaling", "predict", "law", "--compute", "1e10");
        Assert.True(exit == 0 && output.Contains("0.3", StringComparison.Ordinal), output);

        File.WriteAllText(_corpus.PathOf("results.csv"), "compute,error\n1e6,0.8\n1e7,0\n1e8,0.5\n");
        (exit, output) = ProgramRun.Finish(_corpus.Folder, "scaling", "fit", "results.csv");
        Assert.Equal(2, exit);
        Assert.Contains("results.csv:3: error is 0", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_curve_gives_a_row_for_each_evaluated_step_and_needs_an_evaluation_while_training()
    {
        const string sweep = """
            name: curve
            base: run.yaml
            axes: [{ training.steps: [8, 12, 16] }]
            metric: seen.loss
            curve: true
            """;
        File.WriteAllText(_corpus.PathOf("curve.yaml"), sweep);
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "sweep", "plan", "curve.yaml");
        Assert.Equal(2, exit);
        Assert.Contains(
            "curve.yaml: curve needs trials that are evaluated while they train. Set evaluation.every_steps, in run.yaml or under set.",
            output,
            StringComparison.Ordinal
        );

        File.WriteAllText(
            _corpus.PathOf("curve.yaml"),
            sweep
                + "\nset: { cluster: { workers: 1, threads_per_worker: 1 }, evaluation.every_steps: 1, "
                + "checkpoint: { every_steps: 4, keep: 10 } }\n"
        );
        (exit, output) = ProgramRun.Finish(_corpus.Folder, "sweep", "run", "curve.yaml", "--cores", "1");
        Assert.True(exit == 0, output);
        Assert.Contains("points within a trial are not the ends of shorter trials", output, StringComparison.Ordinal);

        // Evaluation may skip checkpoints, but never the end of a trial.
        var rows = File.ReadAllLines(_corpus.PathOf("sweeps", "curve", "results.csv")).Select(row => row.Split(',')).ToList();
        var (samples, step, curve) = (rows[0].IndexOf("data"), rows[0].IndexOf("step"), rows[0].IndexOf("curve"));
        foreach (var trial in rows.Skip(1).GroupBy(row => row[curve], StringComparer.Ordinal))
        {
            Assert.Equal($"training.steps: {trial.Last()[step]}", trial.Key);
            Assert.True(trial.Count() > 1);
            Assert.All(trial, row => Assert.Equal($"{row[step]}0", row[samples]));
        }

        Assert.Equal(3, Trials("curve").Count);
        (exit, output) = ProgramRun.Finish(
            _corpus.Folder,
            ["scaling", "fit", "sweeps/curve/results.csv", "--law", "power", "--curve", "curve", "-o", "law"]
        );
        Assert.True(exit == 0, output);
        Assert.Equal(LawOf("sweeps", "curve"), LawOf("law"));
    }

    private string LawOf(params string[] folder) =>
        JsonDocument
            .Parse(File.ReadAllText(_corpus.PathOf([.. folder, "laws.json"])))
            .RootElement.EnumerateArray()
            .First(law => law.GetProperty("law").GetString() == "power")
            .GetProperty("parameters")
            .GetRawText();

    private void Write(string name) =>
        File.WriteAllText(
            _corpus.PathOf($"{name}.yaml"),
            $$"""
            name: {{name}}
            base: run.yaml
            set: { cluster: { workers: 1, threads_per_worker: 1 }, training.steps: 6 }
            axes: [{ training.learning_rate: [0.001, 0.002] }]
            metric: seen.image_to_text.r1
            """
        );

    private List<string> Trials(string sweep) =>
        [
            .. Directory
                .GetDirectories(_corpus.PathOf("sweeps", sweep, "trials"))
                .Select(trial => Path.GetFileName(trial)!)
                .Order(StringComparer.Ordinal),
        ];

    private byte[] Weights(string sweep, string trial) =>
        File.ReadAllBytes(_corpus.PathOf("sweeps", sweep, "trials", trial, "checkpoints", "step-00000006", "model.safetensors"));
}
