using System.Globalization;
using ClipTrain.Experiments.Scaling;
using ClipTrain.Experiments.Tests.Scaling;

// How often 95% intervals contain the true value, over simulations of each law: `dotnet run -c Release --project bench/Coverage [LAW]
// [SIMULATIONS]`. The true values of a frontier are those of the same trials without noise, because its bins interpolate between trials.
var only = args.Length > 0 ? args[0] : null;
var simulations = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 200;
const int Draws = 400;
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
foreach (var (law, beyond, make) in studies.Where(study => only is null or "all" || study.Law == only))
{
    var truth = LawFitter.FitOne(law, "", Sample.Of(make(0, 0)), 0)!;
    var wanted = truth.Parameters.ToDictionary(
        parameter => parameter.Key,
        parameter => parameter.Value.Value!.Value,
        StringComparer.Ordinal
    );
    if (law == "repeated")
    {
        wanted = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["A"] = 400,
            ["B"] = 400,
            ["E"] = 1.7,
            ["alpha"] = 0.34,
            ["beta"] = 0.28,
            ["Rstar"] = 15.39,
        };
    }

    var (hits, predicted, made) = (wanted.Keys.ToDictionary(name => name, _ => 0, StringComparer.Ordinal), 0, 0);
    for (var simulation = 1; simulation <= simulations; simulation++)
    {
        if (LawFitter.FitOne(law, "", Sample.Of(make(0.01, simulation)), Draws) is not { } fit)
        {
            continue;
        }

        foreach (var (name, value) in wanted)
        {
            hits[name] += fit.Parameters[name] is { Low: { } low, High: { } high } && low <= value && value <= high ? 1 : 0;
        }

        if (Prediction.At(truth, beyond) is { Value: var value1 } && Prediction.At(fit, beyond) is { Law: { } range })
        {
            (predicted, made) = (predicted + (range.Low <= value1 && value1 <= range.High ? 1 : 0), made + 1);
        }
    }

    foreach (var (name, value) in wanted)
    {
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{law.PadRight(14)} {name.PadRight(8)} {Column(value, "G4", 10)}      {Column(100.0 * hits[name] / simulations, "F1", 5)}%"
            )
        );
    }

    if (made > 0)
    {
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{law.PadRight(14)} at {beyond:G2}   {Column(Prediction.At(truth, beyond)!.Value, "G4", 10)}      "
                    + $"{Column(100.0 * predicted / simulations, "F1", 5)}%"
            )
        );
    }
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
