using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Tests.Scaling;

/// <summary>Laws of several points a trial.</summary>
public sealed class CurveTests
{
    private static readonly List<Observation> s_ends = Synthetic.Curve(x => 5 * Math.Pow(x, -0.2), (1e6, 1e9), 8, 0.05, seed: 1);

    [Theory]
    [InlineData("power")]
    [InlineData("power_floor")]
    public void A_trial_that_says_the_same_twice_is_as_uncertain(string law)
    {
        var once = Fit(law, s_ends.Select((row, i) => row with { Curve = $"{i}" }));
        var again = Fit(law, s_ends.SelectMany((row, i) => Enumerable.Repeat(row with { Curve = $"{i}" }, 5)));
        var trials = Fit(law, s_ends.SelectMany(row => Enumerable.Repeat(row, 5)));
        foreach (var (name, estimate) in once.Parameters.Where(parameter => parameter.Value.High > parameter.Value.Low))
        {
            var width = estimate.High!.Value - estimate.Low!.Value;
            Assert.Equal(width, again.Parameters[name].High!.Value - again.Parameters[name].Low!.Value, 0.02 * width);
        }

        Assert.Equal(once.Aic!.Value, again.Aic!.Value, 1e-3);

        // As other trials they would be more evidence.
        Assert.True(trials.Aic < 2 * again.Aic);
    }

    [Fact]
    public void Points_of_trials_give_wider_intervals_than_as_many_trials()
    {
        // Each trial is off by its own factor at all of its points.
        var trials = Synthetic.Curve(x => 5 * Math.Pow(x, -0.2), (1e7, 1e9), 6, 0.1, seed: 3);
        List<Observation> points =
        [
            .. trials.SelectMany(
                (end, i) =>
                    Enumerable.Range(1, 8).Select(k => new Observation(end.X * k / 8, end.Y * Math.Pow(k / 8.0, -0.2)) { Curve = $"{i}" })
            ),
        ];
        Assert.True(Width(Fit("power", points)) > 1.5 * Width(Fit("power", points.Select(point => point with { Curve = null }))));

        static double Width(LawFit fit) => fit.Parameters["alpha"].High!.Value - fit.Parameters["alpha"].Low!.Value;
    }

    [Fact]
    public void Seeds_share_the_points_of_a_curve_and_a_frontier_averages_over_them_point_by_point()
    {
        var sample = Sample.Of(
            from x in new[] { 1.0, 2, 4 }
            from seed in new[] { "1", "2" }
            from curve in new[] { "small", "large" }
            select new Observation(x, (curve == "small" ? 2 : 1) / x)
            {
                Curve = curve,
                Seed = seed,
                Params = curve.Length,
            }
        );
        Assert.Equal(2, sample.TrialCount);
        Assert.Equal(4, sample.RunCount);
        Assert.True(sample.HasSeeds);
        Assert.Equal(6, sample.MeanOverSeeds().Count);
        var frontier = FrontierLaw.Hull().Select(sample);
        Assert.Equal(1, frontier.TrialCount);
        Assert.Equal(0, frontier.LogY[0], 1e-9);
        Assert.Equal(-Math.Log(4), frontier.LogY[^1], 1e-9);
    }

    [Fact]
    public void A_law_needs_as_many_trials_as_ever()
    {
        var points = s_ends.Select((row, i) => row with { Curve = $"{i % 3}" }).ToList();
        var error = Assert.Throws<ExperimentException>(() => LawFitter.Fit(points, ["power_floor"]));
        Assert.Equal("power_floor cannot be fitted: 3 trials cannot determine its 3 parameters: it needs at least 4.", error.Message);
        Assert.Contains(
            LawFitter.Fit(points, ["power"]).Warnings,
            line => line.StartsWith("points within a trial", StringComparison.Ordinal)
        );
    }

    private static LawFit Fit(string law, IEnumerable<Observation> rows) => LawFitter.Fit([.. rows], [law], draws: 300).Laws.Single();
}
