using ClipTrain.Coordinator.Protocol;
using ClipTrain.Monitoring.Alerts;

namespace ClipTrain.Monitoring.Tests.Alerts;

public sealed class TowerRulesTests
{
    private const int Collapse = 400;

    private static readonly TowerMetrics s_good = new(GradientNorm: 0.5, MeanCosine: 0.4, EffectiveRank: 20);

    [Theory]
    [InlineData(0)]
    [InlineData(300)]
    public void Embeddings_that_start_nearly_equal_and_spread_as_the_model_learns_give_no_alert(int warmUp) =>
        Assert.Empty(
            Raised(
                1000,
                step => s_good with { MeanCosine = 0.4 + (0.6 * Math.Exp(-step / (20.0 + warmUp))), EffectiveRank = 1 + (step / 60.0) },
                _ => s_good,
                warmUp
            )
        );

    [Theory]
    [InlineData(0.995, 3)]
    [InlineData(0.3, 1.2)]
    public void Embeddings_that_collapse_are_noticed_within_two_hundred_steps(double cosine, double rank)
    {
        var alert = Assert.Single(
            Raised(1000, _ => s_good, step => step < Collapse ? s_good : s_good with { MeanCosine = cosine, EffectiveRank = rank })
        );

        Assert.Equal("embedding-collapse", alert.Kind);
        Assert.InRange(alert.Step, Collapse, Collapse + 200);
        Assert.Contains("The text embeddings", alert.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Embeddings_that_never_spread_are_noticed_once_the_model_should_have_learned()
    {
        var alert = Assert.Single(Raised(300, _ => s_good with { MeanCosine = 0.999, EffectiveRank = 2 }, _ => s_good));
        Assert.Equal("embedding-collapse", alert.Kind);
        Assert.InRange(alert.Step, 100, 200);
    }

    [Fact]
    public void A_single_measurement_is_no_alert() =>
        Assert.Empty(Raised(1000, step => step == Collapse ? new TowerMetrics(0, 1, 1) : s_good, _ => s_good));

    [Theory]
    [InlineData(0)]
    [InlineData(1e-6)]
    public void A_tower_that_gets_no_gradient_is_noticed_within_two_hundred_steps(double norm)
    {
        var alert = Assert.Single(Raised(1000, step => step < Collapse ? s_good : s_good with { GradientNorm = norm }, _ => s_good));

        Assert.Equal("dead-tower", alert.Kind);
        Assert.InRange(alert.Step, Collapse, Collapse + 200);
        Assert.Contains("The image tower", alert.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tower_that_is_locked_by_configuration_is_not_dead() =>
        Assert.Empty(Raised(1000, _ => s_good with { GradientNorm = null }, _ => s_good));

    [Theory]
    [InlineData(0)]
    [InlineData(1e-8)]
    public void A_tower_whose_weights_are_put_back_is_noticed_although_it_gets_gradients(double movement)
    {
        var moves = s_good with { Movement = 0.002 };
        var alert = Assert.Single(Raised(1000, step => step < Collapse ? moves : moves with { Movement = movement }, _ => moves));

        Assert.Equal("frozen-tower", alert.Kind);
        Assert.InRange(alert.Step, Collapse, Collapse + 200);
        Assert.Contains("the image tower", alert.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tower_that_moves_little_or_is_locked_is_not_frozen()
    {
        var moves = s_good with { Movement = 0.002 };
        Assert.Empty(Raised(1000, _ => moves with { Movement = 2e-6 }, _ => moves));
        Assert.Empty(Raised(1000, _ => s_good with { GradientNorm = null }, _ => moves));
        Assert.Empty(Raised(1000, _ => moves with { Movement = 0 }, _ => moves with { Movement = 0 }));
    }

    [Fact]
    public void Steps_that_change_nothing_kill_no_tower() =>
        Assert.Empty(Raised(1000, _ => s_good with { GradientNorm = 0 }, _ => s_good with { GradientNorm = 0 }));

    [Fact]
    public void A_model_with_one_tower_has_no_tower_to_compare() =>
        Assert.Empty(Raised(1000, _ => new TowerMetrics(0.3, null, null), _ => null));

    [Fact]
    public void Embeddings_that_have_not_yet_left_their_first_direction_are_no_alert() =>
        Assert.Empty(Raised(1000, step => s_good with { EffectiveRank = step < 400 ? 1.2 : 20 }, _ => s_good));

    /// <summary>Alerts of a run that learns, with the given state of its towers.</summary>
    private static List<Alert> Raised(int steps, Func<long, TowerMetrics?> image, Func<long, TowerMetrics?> text, int warmUp = 0)
    {
        const double Peak = 0.001;
        var rules = new RunAlerts(new AlertContext(Records.Batch, Peak, MaxLogitScale: 100, IsContrastive: true));
        return [.. Enumerable.Range(1, steps).SelectMany(step => rules.Observe(Record(step)))];

        StepRecord Record(long step)
        {
            var record = Records.WithTowers(Records.Step(step, 4 / Math.Pow(1 + (step / 30.0), 0.3)), image(step), text(step));
            return record with { Metrics = record.Metrics with { LearningRate = Peak * Math.Min(1, step / Math.Max(1.0, warmUp)) } };
        }
    }
}
