using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Tests.Scaling;

/// <summary>Warnings about what the points do not show.</summary>
public sealed class FitWarningTests
{
    [Fact]
    public void A_warning_that_groups_share_is_one_line_that_names_them()
    {
        var few = Synthetic.Curve(x => 5 * Math.Pow(x, -0.2), (1e6, 1e9), 4, 0.01, seed: 1);
        List<Observation> rows = [.. few.Select(row => row with { Group = "vit" }), .. few.Select(row => row with { Group = "resnet" })];
        rows.AddRange(Synthetic.Curve(x => 5 * Math.Pow(x, -0.2), (1e6, 1e9), 8, 0.01, seed: 2).Select(row => row with { Group = "many" }));

        var warnings = LawFitter.Fit(rows, laws: null, draws: 20).Warnings;

        var shared = Assert.Single(warnings, warning => warning.Contains("bnsl is not fitted", StringComparison.Ordinal));
        Assert.StartsWith("vit, resnet: bnsl is not fitted: 4 points", shared, StringComparison.Ordinal);
        Assert.Equal(warnings.Count, warnings.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Points_without_groups_have_warnings_without_names()
    {
        var points = Synthetic.Curve(x => 5 * Math.Pow(x, -0.2), (1e6, 1e9), 4, 0.01, seed: 1);

        Assert.Contains(
            LawFitter.Fit(points, laws: null, draws: 20).Warnings,
            warning => warning.StartsWith("bnsl is not fitted", StringComparison.Ordinal)
        );
    }
}
