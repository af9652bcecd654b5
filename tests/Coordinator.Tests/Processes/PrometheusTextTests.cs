using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Processes;

public sealed class PrometheusTextTests
{
    private static readonly RunStatus s_status = new(Term: 3, State: null, Host: "here", IsConcluded: false);

    [Fact]
    public void Towers_have_a_label_and_a_locked_one_has_no_gradient()
    {
        var step = RunScript.Metrics(10) with
        {
            Mfu = 0.5,
            ImageTower = new TowerMetrics(GradientNorm: null, MeanCosine: 0.25, EffectiveRank: 12),
            TextTower = new TowerMetrics(GradientNorm: 0.125, MeanCosine: 0.5, EffectiveRank: 6),
        };

        var lines = PrometheusText.Of("a\"b", s_status, step).Split('\n');

        Assert.Contains("cliptrain_training_mfu_ratio{run=\"a\\\"b\"} 0.5", lines);
        Assert.Contains("cliptrain_training_tower_mean_cosine{run=\"a\\\"b\",tower=\"image\"} 0.25", lines);
        Assert.Contains("cliptrain_training_tower_effective_rank{run=\"a\\\"b\",tower=\"text\"} 6", lines);
        Assert.Equal(
            ["cliptrain_training_tower_gradient_norm{run=\"a\\\"b\",tower=\"text\"} 0.125"],
            lines.Where(line => line.StartsWith("cliptrain_training_tower_gradient_norm", StringComparison.Ordinal)),
            StringComparer.Ordinal
        );
        // Prometheus takes one description for each metric.
        Assert.Single(lines, "# TYPE cliptrain_training_tower_mean_cosine gauge");
    }

    [Fact]
    public void Before_the_first_measurement_towers_are_left_out() =>
        Assert.DoesNotContain("tower", PrometheusText.Of("run", s_status, RunScript.Metrics(1)), StringComparison.Ordinal);
}
