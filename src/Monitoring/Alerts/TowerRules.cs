using System.Globalization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Alerts;

/// <summary>
/// Rules over the measurements of the towers. A cause must last for <see cref="Measurements"/> measurements. Apply them once the model
/// has had time to learn: embeddings of random weights are nearly equal, and first spread along a few directions.
/// </summary>
internal sealed class TowerRules
{
    /// <summary>Number of consecutive measurements that must agree.</summary>
    private const int Measurements = 5;

    /// <summary>Mean cosine above which embeddings hardly differ.</summary>
    private const double SameDirection = 0.98;

    /// <summary>Effective ranks between which embeddings collapse to a line.</summary>
    private const double SeveralDirections = 3,
        OneDirection = 1.5;

    /// <summary>Smallest share of the other tower's gradient norm that a living tower has.</summary>
    private const double NoGradient = 1e-4;

    /// <summary>Smallest share of the other tower's movement that a tower makes which keeps its updates.</summary>
    private const double NoMovement = 1e-4;

    private double _highestImageRank,
        _highestTextRank;

    /// <summary>Causes in the newest measurements, by kind of alert.</summary>
    /// <param name="steps">The newest steps, in order.</param>
    public IEnumerable<(string Kind, string Text)?> Causes(IEnumerable<StepRecord> steps)
    {
        StepMetrics[] measured =
        [
            .. steps.Select(step => step.Metrics).Where(step => (step.ImageTower ?? step.TextTower) is not null).TakeLast(Measurements),
        ];
        if (measured.Length < Measurements)
        {
            return [];
        }

        TowerMetrics?[] images = [.. measured.Select(step => step.ImageTower)],
            texts = [.. measured.Select(step => step.TextTower)];
        _highestImageRank = Math.Max(_highestImageRank, images[^1]?.EffectiveRank ?? 0);
        _highestTextRank = Math.Max(_highestTextRank, texts[^1]?.EffectiveRank ?? 0);
        return
        [
            Collapse("image", images, _highestImageRank),
            Collapse("text", texts, _highestTextRank),
            Dead("image", images, "text", texts),
            Dead("text", texts, "image", images),
            Frozen("image", images, "text", texts),
            Frozen("text", texts, "image", images),
        ];
    }

    private static (string, string)? Collapse(string name, TowerMetrics?[] tower, double highestRank)
    {
        var isSame = tower.All(step => step?.MeanCosine > SameDirection);
        var isLine = highestRank > SeveralDirections && tower.All(step => step?.EffectiveRank < OneDirection);
        return isSame || isLine
            ? (
                "embedding-collapse",
                $"The {name} embeddings hardly differ (mean cosine {Of(tower[^1]!.MeanCosine)}, effective rank "
                    + $"{Of(tower[^1]!.EffectiveRank)}): lower training.learning_rate or lengthen training.warmup_steps and resume from an "
                    + $"earlier checkpoint, and check that the {(name == "image" ? "images" : "captions")} of the corpus differ (cliptrain "
                    + "data view)."
            )
            : null;
    }

    /// <summary>A tower locked by configuration has no gradient norm and cannot be dead; neither can the only tower that trains.</summary>
    private static (string, string)? Dead(string name, TowerMetrics?[] tower, string otherName, TowerMetrics?[] other) =>
        tower.Zip(other).All(step => step.Second?.GradientNorm > 0 && step.First?.GradientNorm < NoGradient * step.Second!.GradientNorm)
            ? (
                "dead-tower",
                $"The {name} tower gets hardly any gradient (norm {Of(tower[^1]!.GradientNorm)}, the {otherName} tower "
                    + $"{Of(other[^1]!.GradientNorm)}), so it does not learn: resume from an earlier checkpoint with a lower "
                    + "training.learning_rate, or check training.start_from."
            )
            : null;

    /// <summary>A tower with gradients whose weights stay where they are. One locked by configuration has no movement at all.</summary>
    private static (string, string)? Frozen(string name, TowerMetrics?[] tower, string otherName, TowerMetrics?[] other) =>
        tower
            .Zip(other)
            .All(step =>
                step.First?.GradientNorm > 0 && step.Second?.Movement > 0 && step.First?.Movement < NoMovement * step.Second!.Movement
            )
            ? (
                "frozen-tower",
                $"The weights of the {name} tower do not move, although it gets gradients, while the {otherName} tower's move by "
                    + $"{Of(100 * other[^1]!.Movement)}% between measurements: something puts them back. To keep a tower as it is, set "
                    + "training.unlocked_groups."
            )
            : null;

    private static string Of(double? value) => value?.ToString("G3", CultureInfo.InvariantCulture) ?? "unknown";
}
