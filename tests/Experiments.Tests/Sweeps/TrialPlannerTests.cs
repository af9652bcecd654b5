namespace ClipTrain.Experiments.Tests.Sweeps;

public sealed class TrialPlannerTests : IDisposable
{
    private readonly SweepText _text = new();

    public void Dispose() => _text.Dispose();

    [Fact]
    public void Axes_are_combined_and_keys_of_one_axis_go_together()
    {
        var trials = _text.Plan(
            "axes:\n  - width: [8, 16]\n    training.learning_rate: [0.2, 0.1]\n  - training.global_batch: [4, 8, 16]\n"
        );
        Assert.Equal(6, trials.Count);
        Assert.All(
            trials,
            trial =>
                Assert.Equal(
                    trial.Resolved.Parameters == 64,
                    trial.Resolved.Config.Contains("training.learning_rate: 0.2", StringComparison.Ordinal)
                )
        );
    }

    [Fact]
    public void A_range_is_spread_evenly_over_logarithms() =>
        Assert.Equal(
            ["0.0001", "0.001", "0.01"],
            _text
                .Read("axes:\n  - training.learning_rate: { log: [1e-4, 1e-2], points: 3 }\n")
                .Axes[0]
                .Choices.Select(choice => choice.Label)
        );

    [Fact]
    public void A_conditional_axis_is_there_where_its_condition_holds()
    {
        var trials = _text.Plan("axes:\n  - kind: [a, b]\n  - width: [16, 32]\n    when: { kind: b }\n");
        Assert.Equal([64, 256, 1024], trials.Select(trial => trial.Resolved.Parameters));
    }

    [Fact]
    public void Excluded_combinations_are_left_out() =>
        Assert.Equal(
            3,
            _text
                .Plan("axes:\n  - width: [8, 16]\n  - training.global_batch: [4, 8]\nexclude: [{ width: 16, training.global_batch: 8 }]\n")
                .Count
        );

    [Theory]
    [InlineData("metric: top1\nefficiency: { axis: width, reference: 8 }\naxes: [{ kind: [a] }]", "axis is width, but the axes are kind")]
    [InlineData(
        "metric: top1\nefficiency: { axis: kind, reference: b }\naxes: [{ kind: [a] }]",
        "reference is b, but the choices of kind are a"
    )]
    [InlineData(
        "metric: top1\nefficiency: { axis: kind, reference: a, by: hours }\naxes: [{ kind: [a] }]",
        ":4: by is hours, but must be samples or compute"
    )]
    [InlineData("efficiency: { axis: kind, reference: a }\naxes: [{ kind: [a] }]", "name an accuracy as the metric")]
    [InlineData("efficiency: { axis: kind, reference: a }\naxes: [{ kind: [a] }]\nmetric: heldout.loss", "name an accuracy as the metric")]
    [InlineData("curve: true\naxes: [{ kind: [a] }]", ":3: curve needs a figure of the evaluation as the metric")]
    [InlineData("curve: often\nmetric: heldout.loss\naxes: [{ kind: [a] }]", ":3: curve")]
    public void A_comparison_that_cannot_be_made_is_an_error(string body, string message) =>
        Assert.Contains(message, Assert.Throws<ExperimentException>(() => _text.Read(body)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("samples: [400]", 100)]
    [InlineData("steps: [7]", 7)]
    [InlineData("epochs: [2]", 50)]
    [InlineData("flops: [153600]", 10)]
    public void A_budget_gives_the_steps(string budget, long steps) =>
        Assert.Equal(steps, _text.Plan($"axes: [{{ width: [8] }}]\nbudget: {{ {budget} }}\n")[0].Resolved.Steps);

    [Fact]
    public void At_equal_compute_a_smaller_model_sees_more_samples()
    {
        var trials = _text.Plan("axes: [{ width: [8, 16] }]\nbudget: { flops: [1e7] }\n");
        Assert.All(trials, trial => Assert.Equal(1e7, trial.Resolved.Flops!.Value, 1e5));
        Assert.Equal(4, trials[0].Resolved.Samples!.Value / (double)trials[1].Resolved.Samples!.Value, 0.05);
    }

    [Fact]
    public void The_rate_follows_the_width_by_rule() =>
        Assert.Equal(
            ["0.1", "0.05"],
            _text
                .Plan("axes: [{ width: [8, 16] }]\nlearning_rate: { rule: width, rate: 0.1, at: 8, key: width }\n")
                .Select(trial => trial.Resolved.Config.Split("learning_rate: ")[1].Split('\n')[0])
        );

    [Fact]
    public void The_rate_follows_a_law_through_the_best_rates_of_smaller_models()
    {
        var results = Path.Combine(Path.GetDirectoryName(_text.File)!, "small.csv");
        File.WriteAllText(
            results,
            "trial,params,training.learning_rate,error\na,16,0.4,0.5\nb,16,0.1,0.9\nc,64,0.4,0.8\nd,64,0.2,0.9\nd,64,0.2,0.4\n"
        );
        var trials = _text.Plan($"axes: [{{ width: [16] }}]\nlearning_rate: {{ rule: fitted, results: {results} }}\n");
        Assert.Contains("training.learning_rate: 0.1\n", trials[0].Resolved.Config, StringComparison.Ordinal);
    }

    [Fact]
    public void A_trial_is_the_same_whatever_sweep_it_is_of()
    {
        var first = _text.Plan("axes: [{ width: [8, 16] }]\n");
        var wider = _text.Plan("axes: [{ width: [8, 16, 32] }]\n");
        var changed = _text.Plan("set: { training.global_batch: 8 }\naxes: [{ width: [8, 16] }]\n");
        Assert.Equal(first.Select(trial => trial.Id), wider.Take(2).Select(trial => trial.Id));
        Assert.Empty(first.Select(trial => trial.Id).Intersect(changed.Select(trial => trial.Id), StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("axes: [{ widht: [8] }]\n", "widht is no key")]
    [InlineData("axes: [{ width: [8, 8] }]\n", "two trials are equal: (width: 8) and (width: 8)")]
    [InlineData("axes: [{ width: [8, 16], seed: [1] }]\n", "seed has 1 values and width has 2")]
    [InlineData("axes: [{ width: [] }]\n", "width needs a list of values")]
    [InlineData("axes: [{ width: [8] }]\nbudget: { flops: [100] }\n", "cannot meet its budget")]
    [InlineData("axes: [{ width: [8] }]\nbudget: { flops: [1e9], steps: [1] }\n", "a budget must be in one of")]
    [InlineData("axes: [{ width: [8] }]\nbudget: { steps: [-1] }\n", "steps is -1, but must be a number above zero")]
    [InlineData("axes: [{ width: [8] }]\nexclude: [{ width: 9 }]\n", "exclude width: 9 matches no trial")]
    [InlineData("axes: [{ width: [8] }, { kind: [a], when: { width: 9 } }]\n", "is never met")]
    [InlineData("axes: [{ width: [8] }]\npredict: { trials: [{ width: 9 }] }\n", "predict width: 9 matches no trial")]
    [InlineData("axes: [{ width: [8] }]\npredict: { trials: [{ width: 8 }] }\n", "predict holds out every trial")]
    [InlineData("axes: [{ width: [8] }]\nretires: 2\n", "retires is not a key here")]
    [InlineData("axes: [{ width: [8] }, { width: [9] }]\n", "two axes are named width")]
    [InlineData("axes: { width: [8]\n", "this is not YAML")]
    public void What_cannot_be_planned_is_refused_in_words(string body, string reason)
    {
        var error = Assert.Throws<ExperimentException>(() => _text.Plan(body));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
