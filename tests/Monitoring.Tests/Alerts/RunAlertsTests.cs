using ClipTrain.Coordinator.Protocol;
using ClipTrain.Monitoring.Alerts;

namespace ClipTrain.Monitoring.Tests.Alerts;

public sealed class RunAlertsTests
{
    private static readonly double s_chance = Math.Log(Records.Batch);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_healthy_run_gives_no_alert(int seed)
    {
        var noise = new Random(seed);
        Assert.Empty(
            Raised(
                5000,
                step =>
                    Records.Step(
                        step,
                        Healthy(step, noise),
                        busy: [0.9 + (0.1 * noise.NextDouble()), 0.9 + (0.1 * noise.NextDouble())],
                        dataWait: 0.1 * noise.NextDouble()
                    )
            )
        );
    }

    [Fact]
    public void A_loss_that_rises_is_noticed_within_fifty_steps()
    {
        var noise = new Random(1);
        var alerts = Raised(
            1050,
            step => Records.Step(step, step <= 1000 ? Healthy(step, noise) : Healthy(1000, noise) + (0.05 * (step - 1000)))
        );
        var alert = Assert.Single(alerts);
        Assert.Equal("loss-spike", alert.Kind);
        Assert.InRange(alert.Step, 1001, 1050);
    }

    [Fact]
    public void Captions_that_belong_to_other_images_are_noticed_within_two_hundred_steps()
    {
        var noise = new Random(2);
        var alert = Assert.Single(Raised(1000, step => Records.Step(step, s_chance + (0.02 * (noise.NextDouble() - 0.5)))));
        Assert.Equal("not-learning", alert.Kind);
        Assert.InRange(alert.Step, 50, 200);
    }

    [Fact]
    public void A_long_warm_up_is_not_taken_for_a_fault()
    {
        const int WarmUp = 1000;
        Assert.Empty(Raised(400, step => WithRate(Records.Step(step, s_chance), 0.001 * step / WarmUp)));
    }

    [Fact]
    public void Gradients_that_explode_are_noticed_at_the_third_step()
    {
        var alert = Assert.Single(Raised(300, step => WithNorm(Records.Step(step, 2), step < 200 ? 1 + (0.3 * (step % 3)) : 20)));
        Assert.Equal(("gradient-norm", 202), (alert.Kind, alert.Step));
    }

    [Fact]
    public void A_single_outlier_is_no_alert() =>
        Assert.Empty(Raised(300, step => WithNorm(Records.Step(step, step == 200 ? 4 : 2), step == 200 ? 50 : 1)));

    [Theory]
    [InlineData("data-wait")]
    [InlineData("straggler")]
    [InlineData("captions-cut")]
    [InlineData("bad-samples")]
    [InlineData("logit-scale-bound")]
    public void A_lasting_fault_is_one_alert_of_its_kind(string kind)
    {
        var alert = Assert.Single(
            Raised(
                1000,
                step =>
                    kind switch
                    {
                        "data-wait" => Records.Step(step, 2, dataWait: 0.5),
                        "straggler" => Records.Step(step, 2, busy: [0.5, 0.5, 1]),
                        "captions-cut" => Records.Step(step, 2, truncated: Records.Batch / 2),
                        "bad-samples" => Records.Step(step, 2, bad: 4),
                        _ => WithScale(Records.Step(step, 2), 100),
                    }
            )
        );
        Assert.Equal(kind, alert.Kind);
        Assert.InRange(alert.Step, 1, 200);
    }

    [Fact]
    public void A_fault_that_comes_back_is_told_again()
    {
        var alerts = Raised(1500, step => Records.Step(step, 2, dataWait: step is < 300 or > 1000 ? 0.6 : 0));
        Assert.Equal(["data-wait", "data-wait"], alerts.Select(alert => alert.Kind), StringComparer.Ordinal);
    }

    /// <summary>A realistic loss curve: a power law from chance level with noise.</summary>
    private static double Healthy(long step, Random noise) =>
        (s_chance * Math.Pow(1 + (step / 30.0), -0.3)) + (0.1 * (noise.NextDouble() - 0.5));

    private static List<Alert> Raised(int steps, Func<long, StepRecord> record)
    {
        var rules = new RunAlerts(new AlertContext(Records.Batch, PeakLearningRate: 0.001, MaxLogitScale: 100, IsContrastive: true));
        return [.. Enumerable.Range(1, steps).SelectMany(step => rules.Observe(record(step)))];
    }

    private static StepRecord WithRate(StepRecord record, double rate) =>
        record with
        {
            Metrics = record.Metrics with { LearningRate = rate },
        };

    private static StepRecord WithNorm(StepRecord record, double norm) =>
        record with
        {
            Metrics = record.Metrics with { GradientNorm = norm },
        };

    private static StepRecord WithScale(StepRecord record, double scale) =>
        record with
        {
            Metrics = record.Metrics with { LogitScale = scale },
        };
}
