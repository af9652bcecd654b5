using System.Globalization;
using ClipTrain.Experiments.Scaling;
using ClipTrain.Experiments.Tests.Scaling;

// How often 95% intervals contain the true value, over simulations of each law: `dotnet run -c Release --project bench/Coverage [LAW]
// [SIMULATIONS]`. The true values of a frontier are those of the same trials without noise, because its bins interpolate between trials.
// The laws of model and data are fitted from the true coordinates instead of the 4,500 starts, which find the same (RecoveryTests).
var only = args.Length > 0 ? args[0] : null;
var simulations = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 200;
double[] models = [1e6, 3e6, 1e7, 3e7, 1e8, 3e8],
    samples = [1e7, 3e7, 1e8, 3e8, 1e9, 3e9];
var m4 = new M4Law();
double[] atM4 = [Math.Log(30), -0.3, Math.Log(0.5), Math.Log(0.1), Math.Log(0.85)];
var studies = new (string Law, double Beyond, Func<double, int, List<Observation>> Make)[]
{
    ("power", 1e14, (noise, seed) => Synthetic.Curve(x => 20 * Math.Pow(x, -0.16), (1e6, 1e12), 10, noise, seed)),
    ("power_floor", 1e13, (noise, seed) => Synthetic.Curve(x => 0.12 + (40 * Math.Pow(x, -0.25)), (1e6, 1e12), 24, noise, seed)),
    (
        "bnsl",
        1e11,
        (noise, seed) =>
            Synthetic.Curve(x => 0.05 + (2 * Math.Pow(x, -0.05) * Math.Pow(1 + Math.Pow(x / 1e6, 2), -0.2)), (1e3, 1e10), 60, noise, seed)
    ),
    ("m4", 1e11, (noise, seed) => Synthetic.Curve(x => Math.Exp(m4.LogAt(Math.Log(x), atM4)), (1e1, 1e10), 60, noise, seed)),
    (
        "parametric",
        1e20,
        (noise, seed) =>
            Synthetic.Grid(
                (n, d) => 1.69 + (406.4 / Math.Pow(n, 0.34)) + (410.7 / Math.Pow(d, 0.28)),
                models,
                samples,
                (1, noise / 2),
                seed
            )
    ),
    (
        "frontier_bins",
        1e20,
        (noise, seed) => Synthetic.Grid((n, d) => (40 / Math.Pow(n, 0.34)) + (40 / Math.Pow(d, 0.28)), models, samples, (3, noise), seed)
    ),
    (
        "frontier_hull",
        1e20,
        (noise, seed) => Synthetic.Grid((n, d) => (40 / Math.Pow(n, 0.34)) + (40 / Math.Pow(d, 0.28)), models, samples, (3, noise), seed)
    ),
    ("isoflop", 1e19, (noise, seed) => Budgets(noise / 2, seed)),
    ("repeated", 1e17, (noise, seed) => Repeated(noise / 2, seed)),
};
Console.WriteLine("law            what         true      covered");
foreach (var (name, beyond, make) in studies.Where(study => only is null or "all" || study.Law == only))
{
    var noiseless = Sample.Of(make(0, 0));
    var law = Laws.Create(name, noiseless);
    var truth = law.Fit(law.Select(noiseless), start: null)!;
    truth = law.Fit(law.Select(noiseless), truth)!;
    var wanted = Values(law, truth, beyond);
    var hits = new int[wanted.Length];
    for (var simulation = 1; simulation <= simulations; simulation++)
    {
        var sample = Sample.Of(make(0.01, simulation));
        var selected = law.Select(sample);
        if (law.Fit(selected, law is ParametricLaw ? truth : null) is not { } at)
        {
            continue;
        }

        var draws = Bootstrap.Draws(law, sample, selected, at, LawFitter.DefaultDraws).Select(drawn => Values(law, drawn, beyond)).ToList();
        foreach (var (i, value) in Values(law, at, beyond).Index())
        {
            var interval = LawFitter.Estimate(value, [.. draws.Select(drawn => drawn[i])]);
            hits[i] += interval.Low <= wanted[i] && wanted[i] <= interval.High ? 1 : 0;
        }
    }

    foreach (var (i, what) in law.Parameters.Append($"at {beyond:G2}").Index())
    {
        if (double.IsFinite(wanted[i]))
        {
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name.PadRight(14)} {what.PadRight(8)} {Column(wanted[i], "G4", 10)}      {Column(100.0 * hits[i] / simulations, "F1", 5)}%"
                )
            );
        }
    }
}

// The parameters and, for a law that has one, its value at an amount of compute of six per parameter and sample.
static double[] Values(Law law, double[] at, double compute)
{
    var logX = Math.Log(compute);
    var logY =
        law is ParametricLaw parametric && parametric.Optimum(logX - Math.Log(6), at) is var (logParams, logData)
            ? parametric.LogAt(logParams, logData, at)
            : law.LogAt(logX, at);
    return [.. law.Named(at), Math.Exp(logY)];
}

static string Column(double value, string format, int width) => value.ToString(format, CultureInfo.InvariantCulture).PadLeft(width);

static List<Observation> Budgets(double noise, int seed)
{
    var places =
        from c in new[] { 1e14, 1e15, 1e16, 1e17, 1e18 }
        from spread in new[] { 0.1, 0.2, 0.5, 1, 2, 5, 10.0 }
        select (C: c, N: Math.Sqrt(c / 6) * spread);
    var rows = places.Select(place => new Observation(
        place.C,
        1.7 + (400 / Math.Pow(place.N, 0.3)) + (400 / Math.Pow(place.C / 6 / place.N, 0.3))
    )
    {
        Params = place.N,
        Data = place.C / 6 / place.N,
    });
    return Synthetic.WithNoise([.. rows], noise, seed);
}

static List<Observation> Repeated(double noise, int seed)
{
    var rows =
        from unique in new[] { 1e6, 1e7, 1e8 }
        from epochs in new[] { 1, 4, 16, 64.0 }
        from n in new[] { 1e6, 1e7, 1e8, 1e9 }
        let worth = unique + (unique * 15.39 * (1 - Math.Exp(-(epochs - 1) / 15.39)))
        select new Observation(6 * n * unique * epochs, 1.7 + (400 / Math.Pow(n, 0.34)) + (400 / Math.Pow(worth, 0.28)))
        {
            Params = n,
            Data = unique * epochs,
            Unique = unique,
        };
    return Synthetic.WithNoise([.. rows], noise, seed);
}
