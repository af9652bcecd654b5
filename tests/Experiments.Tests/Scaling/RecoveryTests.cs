using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Tests.Scaling;

/// <summary>Every law recovers the parameters of its own synthetic results.</summary>
public sealed class RecoveryTests
{
    private static readonly double[] Models = [1e6, 3e6, 1e7, 3e7, 1e8],
        Samples = [1e7, 3e7, 1e8, 3e8, 1e9];

    [Fact]
    public void A_power_law_is_found() =>
        Finds("power", Synthetic.Curve(x => 20 * Math.Pow(x, -0.16), (1e6, 1e12), 12, 0, 1), ("beta", 20), ("alpha", -0.16));

    [Fact]
    public void A_power_law_above_a_floor_is_found() =>
        Finds(
            "power_floor",
            Synthetic.Curve(x => 0.12 + (40 * Math.Pow(x, -0.25)), (1e6, 1e12), 16, 0, 1),
            ("beta", 40),
            ("alpha", -0.25),
            ("floor", 0.12)
        );

    [Fact]
    public void A_broken_power_law_is_found() =>
        Finds(
            "bnsl",
            Synthetic.Curve(Broken, (1e3, 1e10), 40, 0, 1),
            ("a", 0.05),
            ("b", 2),
            ("c0", 0.05),
            ("c1", 0.4),
            ("d", 1e6),
            ("f", 0.5)
        );

    [Fact]
    public void M4_is_found()
    {
        var law = new M4Law();
        double[] at = [Math.Log(30), -0.3, Math.Log(0.5), Math.Log(0.1), Math.Log(0.85)];
        Finds(
            "m4",
            Synthetic.Curve(x => Math.Exp(law.LogAt(Math.Log(x), at)), (1e2, 1e10), 30, 0, 1),
            ("beta", 30),
            ("c", -0.3),
            ("alpha", 0.5),
            ("floor", 0.1),
            ("eps0", 0.95)
        );
    }

    [Fact]
    public void M4_satisfies_its_own_equation()
    {
        var law = new M4Law();
        double[] at = [Math.Log(30), -0.3, Math.Log(0.5), Math.Log(0.1), Math.Log(0.85)];
        foreach (var x in new[] { 1e1, 1e4, 1e7, 1e12 })
        {
            var error = Math.Exp(law.LogAt(Math.Log(x), at));
            Assert.Equal(30 * Math.Pow(x, -0.3), (error - 0.1) / Math.Pow(0.95 - error, 0.5), 1e-6 * 30 * Math.Pow(x, -0.3));
        }
    }

    [Fact]
    public void The_loss_of_model_and_data_is_found_with_the_constants_of_chinchilla() =>
        Finds("parametric", Chinchilla(0, 1), ("A", 406.4), ("B", 410.7), ("E", 1.69), ("alpha", 0.34), ("beta", 0.28));

    [Fact]
    public void The_worth_of_repeated_samples_is_found() =>
        Finds("repeated", Repeated(), ("Rstar", 15.39), ("E", 1.7), ("alpha", 0.34), ("beta", 0.28));

    /// <summary>Bootstrap draws rely on it.</summary>
    [Theory]
    [InlineData("parametric", 1)]
    [InlineData("parametric", 2)]
    [InlineData("repeated", 1)]
    public void A_search_from_the_true_law_finds_the_fit_of_the_whole_grid(string name, int seed)
    {
        var noiseless = Sample.Of(name == "repeated" ? Repeated() : Chinchilla(0, seed));
        var sample = Sample.Of(name == "repeated" ? Synthetic.WithNoise(Repeated(), 0.005, seed) : Chinchilla(0.005, seed));
        var law = Laws.Create(name, sample);
        var whole = law.Fit(sample, start: null)!;
        var near = law.Fit(sample, law.Fit(noiseless, start: whole))!;
        Assert.All(whole.Zip(near), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Fact]
    public void Parabolas_find_how_the_best_model_grows_with_compute()
    {
        // With A = B and alpha = beta the best model is sqrt(C/6), and so are the samples.
        var rows =
            from c in new[] { 1e14, 1e15, 1e16, 1e17 }
            from spread in new[] { 0.25, 0.5, 1, 2, 4.0 }
            let n = Math.Sqrt(c / 6) * spread
            select new Observation(c, 1.7 + (400 / Math.Pow(n, 0.3)) + (400 / Math.Pow(c / 6 / n, 0.3))) { Params = n, Data = c / 6 / n };
        Finds("isoflop", [.. rows], ("a", 0.5), ("b", 0.5), ("GN", 1 / Math.Sqrt(6)), ("GD", 1 / Math.Sqrt(6)));
    }

    [Fact]
    public void The_hull_of_trials_above_a_frontier_is_the_frontier()
    {
        var frontier = Synthetic.Curve(x => 5 * Math.Pow(x, -0.1), (1e6, 1e10), 9, 0, 1);
        var wasteful = frontier.Take(8).Select(row => row with { X = 1.5 * row.X, Y = 1.1 * row.Y });
        var fit = LawFitter.FitOne("frontier_hull", "", Sample.Of([.. frontier, .. wasteful]), 10)!;
        Assert.Equal(-0.1, fit.Parameters["alpha"].Value!.Value, 1e-9);
        Assert.All(fit.Selected, point => Assert.Contains(frontier, row => Math.Abs((row.X / point.X) - 1) < 1e-9));
    }

    [Fact]
    public void The_best_model_for_an_amount_of_compute_is_where_no_other_has_less_loss()
    {
        var rows = Chinchilla(0, 1);
        var fit = LawFitter.FitOne("parametric", "", Sample.Of(rows), 0)!;
        var (best, data) = Prediction.Allocation(fit, 1e18)!.Value;
        Assert.Equal(1e18 / 6, best.Value!.Value * data.Value!.Value, 1e12);
        var least = Prediction.At(fit, best.Value.Value, data.Value.Value)!.Value;
        Assert.True(Prediction.At(fit, 1.1 * best.Value.Value, data.Value.Value / 1.1)!.Value > least);
        Assert.True(Prediction.At(fit, best.Value.Value / 1.1, 1.1 * data.Value.Value)!.Value > least);
        Assert.Equal(least, Prediction.At(fit, 1e18)!.Value, 1e-9);
    }

    private static List<Observation> Chinchilla(double noise, int seed) =>
        Synthetic.Grid((n, d) => 1.69 + (406.4 / Math.Pow(n, 0.34)) + (410.7 / Math.Pow(d, 0.28)), Models, Samples, (1, noise), seed);

    private static List<Observation> Repeated() =>
        [
            .. from unique in new[] { 1e6, 1e7, 1e8 }
            from epochs in new[] { 1, 4, 16, 64.0 }
            from n in Models
            let worth = unique + (unique * 15.39 * (1 - Math.Exp(-(epochs - 1) / 15.39)))
            select new Observation(6 * n * unique * epochs, 1.7 + (400 / Math.Pow(n, 0.34)) + (400 / Math.Pow(worth, 0.28)))
            {
                Params = n,
                Data = unique * epochs,
                Unique = unique,
            },
        ];

    private static double Broken(double x) => 0.05 + (2 * Math.Pow(x, -0.05) * Math.Pow(1 + Math.Pow(x / 1e6, 2), -0.2));

    private static void Finds(string law, IReadOnlyList<Observation> rows, params (string Name, double Value)[] expected)
    {
        var fit = LawFitter.FitOne(law, "", Sample.Of(rows), 0)!;
        Assert.All(
            expected,
            parameter => Assert.Equal(parameter.Value, fit.Parameters[parameter.Name].Value!.Value, 0.01 * Math.Abs(parameter.Value))
        );
    }
}
