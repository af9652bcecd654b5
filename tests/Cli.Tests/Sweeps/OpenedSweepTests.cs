using System.Security.Cryptography;
using System.Text;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Experiments;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class OpenedSweepTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("loss")]
    [InlineData("seconds")]
    [InlineData("heldout-vendor.loss")]
    [InlineData("heldout-vendor.image_to_text.r10")]
    [InlineData("heldout-vendor.image_to_text.r10_high")]
    [InlineData("heldout-vendor-categories.top5")]
    public void A_metric_may_be_any_figure_that_trials_measure(string metric) => Assert.Single(Open(metric).Trials);

    [Theory]
    [InlineData("heldout.loss")]
    [InlineData("heldout-vendor.r10")]
    [InlineData("heldout-vendor.image_to_text.acuracy")]
    public void A_metric_that_no_trial_will_measure_is_refused_before_any_starts(string metric)
    {
        var error = Assert.Throws<ExperimentException>(() => Open(metric));
        Assert.Contains(
            $"metric is {metric}, which a trial will not measure; give one of: loss, ",
            error.Message,
            StringComparison.Ordinal
        );
        Assert.Contains(" heldout-vendor.image_to_text.r10, ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_id_of_a_trial_hashes_only_what_differs_from_the_defaults()
    {
        var trial = Open("loss").Trials[0];
        Assert.Contains("patch_dropout:", trial.Resolved.Config, StringComparison.Ordinal);
        Assert.DoesNotContain("patch_dropout:", trial.Resolved.Changed, StringComparison.Ordinal);
        Assert.Contains("steps: 10", trial.Resolved.Changed, StringComparison.Ordinal);
        Assert.StartsWith(
            trial.Id,
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(trial.Resolved.Changed))),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_name_that_is_neither_a_file_nor_a_sweep_is_said_to_be_neither() =>
        Assert.StartsWith(
            "widht is neither a sweep file nor the name of a sweep that has run",
            Assert.Throws<ExperimentException>(() => OpenedSweep.Open("widht")).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void Trials_on_GPUs_need_one_for_each_worker()
    {
        var sweep = Open("loss", "set: { cluster: { device: cuda, workers: 4 } }");
        Assert.True(sweep.OnGpus);
        Assert.Equal(4, sweep.Sweep.DevicesOf(sweep.Trials[0]));
        Assert.False(Open("loss").OnGpus);
    }

    [Theory]
    [InlineData("cores: 4\nset: { cluster.device: cuda }", "cores is 4, but the trials compute on GPUs")]
    [InlineData("seeds: [1, 2]\nset: { cluster.device: gpu }", "cluster.device")]
    public void What_does_not_fit_GPUs_is_refused(string more, string message) =>
        Assert.Contains(message, Assert.Throws<ExperimentException>(() => Open("loss", more)).Message, StringComparison.Ordinal);

    [Fact]
    public void Trials_on_both_kinds_of_device_are_refused() =>
        Assert.Contains(
            "cluster.device is cpu in some trials and cuda in others",
            Assert.Throws<ExperimentException>(() => Open("loss", axis: "training.steps: [10, 20], cluster.device: [cpu, cuda]")).Message,
            StringComparison.Ordinal
        );

    private OpenedSweep Open(string metric, string more = "", string axis = "training.steps: [10]")
    {
        var file = _folder.File("sweep.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: widths
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            axes: [{ {{axis}} }]
            metric: {{metric}}
            {{more}}
            """
        );
        return OpenedSweep.Open(file);
    }
}
