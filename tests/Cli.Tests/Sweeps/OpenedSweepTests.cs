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

    private OpenedSweep Open(string metric)
    {
        var file = _folder.File("sweep.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: widths
            base: {{Path.Combine(Repository.Configs, "quickstart.yaml")}}
            axes: [{ training.steps: [10] }]
            metric: {{metric}}
            """
        );
        return OpenedSweep.Open(file);
    }
}
