using ClipTrain.Experiments.Scaling;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Experiments.Tests.Sweeps;

public sealed class SweepRunnerTests : IDisposable
{
    private const string Six = "axes: [{ width: [8, 16, 32] }]\nseeds: [1, 2]\nmetric: accuracy\n";

    private readonly SweepText _text = new();
    private readonly List<string> _told = [];

    public void Dispose() => _text.Dispose();

    [Fact]
    public async Task Every_trial_runs_once_and_as_many_side_by_side_as_there_are_cores()
    {
        var runner = new FakeRunner();
        var run = RunAsync(Six, runner, cores: 2);
        await runner.BeganAsync();
        for (var ended = 0; ended < 6; ended++)
        {
            if (ended < 5)
            {
                await runner.BeganAsync();
            }

            Assert.Equal(Math.Min(2, 6 - ended), runner.Running.Count);
            Assert.Equal(runner.Running.Count, runner.Running.SelectMany(running => running.Devices).Distinct().Count());
            runner.EndFirst(Done(0.5));
        }

        Assert.True(await run);
        Assert.Equal(6, runner.Started.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(6, runner.Started.Count);
    }

    [Fact]
    public async Task A_sweep_that_goes_on_runs_what_is_missing_alone()
    {
        var first = new FakeRunner();
        using var stop = new CancellationTokenSource();
        var run = RunAsync(Six, first, cores: 1, stop.Token);
        foreach (var end in new[] { Done(0.5), new TrialEnd.Diverged("loss is NaN") })
        {
            await first.BeganAsync();
            first.EndFirst(end);
        }

        await first.BeganAsync();
        await stop.CancelAsync();
        first.EndFirst(new TrialEnd.Stopped());
        Assert.False(await run);
        Assert.Equal(3, first.Started.Count);

        var second = new FakeRunner { Answer = Done(0.6) };
        Assert.True(await RunAsync(Six, second, cores: 1));
        Assert.Equal(first.Started.Take(2), _text.Plan(Six).Select(trial => trial.Id).Except(second.Started, StringComparer.Ordinal));
        Assert.Equal(4, second.Started.Count);
    }

    [Fact]
    public async Task A_new_value_adds_trials_and_runs_no_other_again()
    {
        await RunAsync(Six, new FakeRunner { Answer = Done(0.5) }, cores: 2);
        var more = new FakeRunner { Answer = Done(0.5) };
        Assert.True(await RunAsync(Six.Replace("[8, 16, 32]", "[8, 16, 32, 64]", StringComparison.Ordinal), more, cores: 2));
        Assert.Equal(2, more.Started.Count);
    }

    [Fact]
    public async Task A_failed_trial_is_told_at_once_and_tried_again()
    {
        var runner = new FakeRunner();
        var run = RunAsync("axes: [{ width: [8] }]\nretries: 2\n", runner, cores: 1);
        await runner.BeganAsync();
        runner.EndFirst(new TrialEnd.Failed("killed"));
        await runner.BeganAsync();
        Assert.Contains(_told, line => line.Contains("failed and will be retried (width: 8): killed", StringComparison.Ordinal));
        runner.EndFirst(Done(0.5));
        Assert.True(await run);
        Assert.Equal(2, runner.Started.Count);
    }

    [Fact]
    public async Task A_trial_that_keeps_failing_does_not_end_the_sweep_unless_asked_to()
    {
        var fails = new FakeRunner { Answer = new TrialEnd.Failed("killed") };
        Assert.False(await RunAsync("axes: [{ width: [8, 16] }]\nretries: 1\n", fails, cores: 1));
        Assert.Equal(4, fails.Started.Count);
        var fast = new FakeRunner { Answer = new TrialEnd.Failed("killed") };
        Assert.False(await RunAsync("axes: [{ width: [8, 16] }]\nretries: 0\nfail_fast: true\n", fast, cores: 1));
        Assert.Single(fast.Started);
    }

    [Fact]
    public async Task A_trial_whose_runner_throws_has_failed_and_the_others_go_on()
    {
        const string body = "axes: [{ width: [8, 16] }]\nretries: 0\n";
        var damaged = _text.Plan(body)[0].Id;
        var runner = new FakeRunner { Answer = Done(0.5), Fault = (damaged, new IOException("the log cannot be read")) };
        Assert.False(await RunAsync(body, runner, cores: 1));
        var record = _text.Folder.Read(damaged);
        Assert.Equal((TrialState.Failed, "the log cannot be read"), (record.State, record.Reason));
        Assert.Equal(TrialState.Done, _text.Folder.Read(_text.Plan(body)[1].Id).State);
    }

    [Fact]
    public async Task A_trial_with_more_cores_than_the_sweep_is_refused()
    {
        var error = await Assert.ThrowsAsync<ExperimentException>(() =>
            RunAsync("axes: [{ width: [8] }]\ncores: 3\n", new FakeRunner(), cores: 2)
        );
        Assert.Contains("a trial needs 3 cores, but the sweep has 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trials_on_GPUs_have_as_many_as_each_needs_and_none_is_shared()
    {
        const string body = "axes: [{ gpus: [2, 1, 3] }]\nmetric: accuracy\n";
        var runner = new FakeRunner();
        var run = RunAsync(body, runner, ["cuda:0", "cuda:1", "cuda:4"]);
        await runner.BeganAsync();
        await runner.BeganAsync();
        Assert.Equal(
            [
                ["cuda:0", "cuda:1"],
                ["cuda:4"],
            ],
            runner.Running.Select(running => running.Devices)
        );
        runner.EndFirst(Done(0.5));
        runner.EndFirst(Done(0.5));
        await runner.BeganAsync();
        Assert.Equal(["cuda:0", "cuda:1", "cuda:4"], Assert.Single(runner.Running).Devices);
        runner.EndFirst(Done(0.5));
        Assert.True(await run);
        Assert.Contains(_told, line => line.Contains("starts on cuda:0, cuda:1 (gpus: 2)", StringComparison.Ordinal));

        var error = await Assert.ThrowsAsync<ExperimentException>(() =>
            RunAsync(body.Replace('3', '4'), new FakeRunner(), ["cuda:0", "cuda:1", "cuda:4"])
        );
        Assert.Contains("a trial needs 4 GPUs, one for each worker, but --device names 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_results_are_a_table_that_laws_are_fitted_to()
    {
        await RunAsync(Six, new FakeRunner { Answer = Done(0.75) }, cores: 2);
        var sweep = _text.Read(Six);
        SweepResults.Write(sweep, _text.Folder, _text.Plan(Six));
        var lines = File.ReadAllLines(_text.Folder.Results);
        Assert.Equal("trial,state,params,data,unique,compute,error,core_seconds,width,seed,accuracy", lines[0]);
        Assert.Equal(7, lines.Length);
        Assert.Contains(",done,64,40,40,153600,0.25,", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_curve_adds_the_evaluated_steps_of_each_trial_to_the_results()
    {
        const string body = "axes: [{ width: [8, 16] }]\nseeds: [1, 2]\nmetric: heldout.loss\ncurve: true\n";
        var (sweep, trials) = (_text.Read(body), _text.Plan(body));
        foreach (var trial in trials)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_text.Folder.Evaluation(trial.Id))!);
            File.WriteAllText(
                _text.Folder.Evaluation(trial.Id),
                """
                step,samples,set,task,metric,value,low,high
                4,16,heldout,retrieval,loss,3,2.5,3.5
                4,16,heldout,retrieval image_to_text,r1,0.25,,
                10,40,heldout,retrieval,loss,2.1,2,2.2

                """
            );
        }

        await RunAsync(body, new FakeRunner { Answer = Done(("heldout.loss", 2)) }, cores: 1);
        SweepResults.Write(sweep, _text.Folder, trials);
        var lines = File.ReadAllLines(_text.Folder.Results);
        Assert.Equal(
            "trial,state,params,data,unique,compute,error,core_seconds,step,curve,width,seed,"
                + "heldout.loss,heldout.loss_low,heldout.loss_high,heldout.image_to_text.r1",
            lines[0]
        );
        Assert.Equal(9, lines.Length);
        Assert.Equal($"{trials[0].Id},done,64,16,16,61440,3,,4,width: 8,8,1,3,2.5,3.5,0.25", lines[1]);
        Assert.StartsWith($"{trials[0].Id},done,64,40,40,153600,2,", lines[2], StringComparison.Ordinal);
        Assert.EndsWith(",10,width: 8,8,1,2,,,", lines[2], StringComparison.Ordinal);

        var rows = SweepResults.Observations(sweep, _text.Folder, trials, isHeldOut: false);
        Assert.Equal(8, rows.Count);
        Assert.Equal(2, Sample.Of(rows).TrialCount);
    }

    [Fact]
    public async Task A_step_without_the_metric_is_named()
    {
        const string body = "axes: [{ width: [8] }]\nmetric: heldout.loss\ncurve: true\n";
        var trials = _text.Plan(body);
        var file = _text.Folder.Evaluation(trials[0].Id);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, "step,samples,set,task,metric,value,low,high\n4,16,other,zero_shot,top1,0.5,,\n");
        await RunAsync(body, new FakeRunner { Answer = Done(("heldout.loss", 2)) }, cores: 1);
        Assert.EndsWith(
            $"metric is heldout.loss, which is not one of the figures of step 4 of trial {trials[0].Id}: other.top1.",
            Assert.Throws<ExperimentException>(() => SweepResults.Write(_text.Read(body), _text.Folder, trials)).Message,
            StringComparison.Ordinal
        );

        File.AppendAllText(file, "5,16,oth");
        var damaged = Assert.Throws<ExperimentException>(() => SweepResults.Write(_text.Read(body), _text.Folder, trials));
        Assert.Contains($"{file}:3: this is not a figure", damaged.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", ": this is not a run's table of figures, which begins with step,samples,set,task,metric,value,low,high")]
    [InlineData("4,16,heldout,retrieval,loss,3,,\n", ": this is not a run's table of figures")]
    [InlineData(
        "step,samples,set,task,metric,value,low,high\n4,16,heldout,retrieval,loss,3,,\n4,16,heldout,retrieval,loss,2,,\n",
        ":3: heldout.loss of step 4 occurs twice"
    )]
    public async Task A_table_of_figures_that_was_damaged_by_hand_is_named(string table, string problem)
    {
        const string body = "axes: [{ width: [8] }]\nmetric: heldout.loss\ncurve: true\n";
        var trials = _text.Plan(body);
        var file = _text.Folder.Evaluation(trials[0].Id);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, table);
        await RunAsync(body, new FakeRunner { Answer = Done(("heldout.loss", 2)) }, cores: 1);

        var damaged = Assert.Throws<ExperimentException>(() => SweepResults.Write(_text.Read(body), _text.Folder, trials));
        Assert.StartsWith(file + problem, damaged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_metric_that_is_no_figure_is_named_with_those_that_are()
    {
        const string wrong = "axes: [{ width: [8] }]\nmetric: acuracy\n";
        await RunAsync(wrong, new FakeRunner { Answer = Done(0.75) }, cores: 1);
        var error = Assert.Throws<ExperimentException>(() => SweepResults.Write(_text.Read(wrong), _text.Folder, _text.Plan(wrong)));
        Assert.Contains("metric is acuracy, which is not one of the figures", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prediction_is_written_before_its_trial_and_cannot_be_changed_unnoticed()
    {
        const string body =
            "axes: [{ width: [8, 16, 32, 64, 128] }]\npredict: { law: power, trials: [{ width: 128 }] }\nmetric: accuracy\n";
        var (sweep, trials, folder) = (_text.Read(body), _text.Plan(body), _text.Folder);
        await new SweepRunner(sweep, folder, new LawfulRunner(), new SweepPool(["cpu:0"], _told.Add), TimeProvider.System).RunAsync(
            [.. trials.Where(trial => !trial.IsHeldOut)],
            default
        );
        var made = SweepPredictions.Make(sweep, folder, trials, [.. trials.Where(trial => trial.IsHeldOut)], TimeProvider.System);
        Assert.Equal(Math.Pow(trials[4].Resolved.Flops!.Value, -0.1), made.Predictions.Single().Value, 1e-6);
        Assert.Equal(made.Hash, SweepPredictions.ReadAll(folder)[trials[4].Id].In.Hash);

        var file = folder.PredictionFiles().Single();
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"value\": 0.", "\"value\": 0.1", StringComparison.Ordinal));
        var error = Assert.Throws<ExperimentException>(() => SweepPredictions.ReadAll(folder));
        Assert.Contains("was changed after it was written", error.Message, StringComparison.Ordinal);
    }

    private Task<bool> RunAsync(string body, ITrialRunner runner, int cores, CancellationToken stop = default) =>
        RunAsync(body, runner, [.. Enumerable.Range(0, cores).Select(core => $"cpu:{core}")], stop);

    private Task<bool> RunAsync(string body, ITrialRunner runner, string[] devices, CancellationToken stop = default)
    {
        var sweep = _text.Read(body);
        return new SweepRunner(sweep, _text.Folder, runner, new SweepPool(devices, _told.Add), TimeProvider.System).RunAsync(
            TrialPlanner.Plan(sweep, new FakeResolver()),
            stop
        );
    }

    private static TrialEnd Done(double accuracy) => Done(("accuracy", accuracy));

    private static TrialEnd Done((string Name, double Value) figure) =>
        new TrialEnd.Done(new Dictionary<string, double>(StringComparer.Ordinal) { [figure.Name] = figure.Value });

    /// <summary>Runs trials that end on demand, or at once with a given result.</summary>
    private sealed class FakeRunner : ITrialRunner
    {
        private readonly SemaphoreSlim _began = new(0);

        public TrialEnd? Answer { get; init; }

        /// <summary>A trial, and what its attempts throw.</summary>
        public (string Trial, Exception Error)? Fault { get; init; }

        public List<string> Started { get; } = [];

        public List<(IReadOnlyList<string> Devices, TaskCompletionSource<TrialEnd> End)> Running { get; } = [];

        public Task<TrialEnd> RunAsync(Trial trial, IReadOnlyList<string> devices, CancellationToken stop)
        {
            Started.Add(trial.Id);
            if (Fault?.Trial == trial.Id)
            {
                throw Fault.Value.Error;
            }

            if (Answer is not null)
            {
                return Task.FromResult(Answer);
            }

            var end = new TaskCompletionSource<TrialEnd>();
            Running.Add((devices, end));
            _began.Release();
            return end.Task;
        }

        /// <summary>Completes when another trial has started.</summary>
        public Task BeganAsync() => _began.WaitAsync();

        public void EndFirst(TrialEnd end)
        {
            var first = Running[0];
            Running.RemoveAt(0);
            first.End.SetResult(end);
        }
    }

    /// <summary>Errors by a power law of compute.</summary>
    private sealed class LawfulRunner : ITrialRunner
    {
        public Task<TrialEnd> RunAsync(Trial trial, IReadOnlyList<string> devices, CancellationToken stop) =>
            Task.FromResult(Done(1 - Math.Pow(trial.Resolved.Flops!.Value, -0.1)));
    }
}
