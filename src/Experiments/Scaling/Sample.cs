namespace ClipTrain.Experiments.Scaling;

/// <summary>One measured result.</summary>
/// <param name="X">Compute, samples, or another positive independent variable.</param>
/// <param name="Y">Error or loss; positive.</param>
public sealed record Observation(double X, double Y)
{
    /// <summary>Model size N; null if the table has none.</summary>
    public double? Params { get; init; }

    /// <summary>Samples seen D; null if the table has none.</summary>
    public double? Data { get; init; }

    /// <summary>Distinct samples among <see cref="Data"/>; null if the table has none.</summary>
    public double? Unique { get; init; }

    /// <summary>Group; laws are fitted to each group separately.</summary>
    public string Group { get; init; } = "";

    /// <summary>Seed as in the table. Rows that differ only in it are one trial.</summary>
    public string? Seed { get; init; }

    /// <summary>The curve that it is a point of, whose points, of all seeds, are one trial; null if it is the end of a trial.</summary>
    public string? Curve { get; init; }
}

/// <summary>Observations of one group as arrays of natural logarithms, ordered by x.</summary>
public sealed class Sample
{
    private Sample(double[] logX, double[] logY) => (LogX, LogY) = (logX, logY);

    public int Count => LogX.Length;

    public double[] LogX { get; }

    public double[] LogY { get; }

    /// <summary>Null unless every observation has one.</summary>
    public double[]? LogParams { get; private init; }

    /// <summary>Null unless every observation has one.</summary>
    public double[]? LogData { get; private init; }

    /// <summary>Null unless every observation has one.</summary>
    public double[]? LogUnique { get; private init; }

    /// <summary>Trial index of each observation. The seeds of a configuration are one trial, and so are the points of its curve.</summary>
    public required int[] Trials { get; init; }

    /// <summary>Run index of each observation: a trial with one of its seeds.</summary>
    public required int[] Runs { get; init; }

    /// <summary>Index of each observation among the points that a trial's seeds repeat.</summary>
    public required int[] Points { get; init; }

    public int TrialCount => CountOf(Trials);

    public int RunCount => CountOf(Runs);

    /// <summary>True if some trial has several seeds.</summary>
    public bool HasSeeds => TrialCount < RunCount;

    /// <summary>True if some trial has several points.</summary>
    public bool HasCurves => TrialCount < CountOf(Points);

    public static Sample Of(IEnumerable<Observation> observations)
    {
        var rows = observations.OrderBy(row => row.X).ThenBy(row => row.Params).ThenBy(row => row.Data).ThenBy(row => row.Y).ToList();
        return new Sample([.. rows.Select(row => Math.Log(row.X))], [.. rows.Select(row => Math.Log(row.Y))])
        {
            Trials = Numbered(rows.Select((row, i) => row.Curve ?? PointOf(row, i))),
            Runs = Numbered(rows.Select((row, i) => row.Curve is null ? i : (object)(row.Curve, row.Seed))),
            Points = Numbered(rows.Select(PointOf)),
            LogParams = Logs(rows, row => row.Params),
            LogData = Logs(rows, row => row.Data),
            LogUnique = Logs(rows, row => row.Unique),
        };

        static object PointOf(Observation row, int i) =>
            (row.Curve, row.X, row.Params, row.Data, row.Unique, Row: row.Seed is null ? i : -1);
    }

    /// <summary>The same trials with different results.</summary>
    public Sample WithLogY(double[] logY) =>
        new(LogX, logY)
        {
            Trials = Trials,
            Runs = Runs,
            Points = Points,
            LogParams = LogParams,
            LogData = LogData,
            LogUnique = LogUnique,
        };

    /// <summary>Selects observations by row.</summary>
    public Sample Take(IReadOnlyList<int> rows)
    {
        return new Sample(Pick(LogX)!, Pick(LogY)!)
        {
            Trials = Numbered(rows.Select(row => (object)Trials[row])),
            Runs = Numbered(rows.Select(row => (object)Runs[row])),
            Points = Numbered(rows.Select(row => (object)Points[row])),
            LogParams = Pick(LogParams),
            LogData = Pick(LogData),
            LogUnique = Pick(LogUnique),
        };

        double[]? Pick(double[]? values) => values is null ? null : [.. rows.Select(row => values[row])];
    }

    /// <summary>One observation per point of a trial: the mean logarithm over its seeds.</summary>
    public Sample MeanOverSeeds()
    {
        if (!HasSeeds)
        {
            return this;
        }

        var points = Enumerable.Range(0, Count).GroupBy(row => Points[row]).OrderBy(rows => rows.Key).ToList();
        return Take([.. points.Select(rows => rows.First())]).WithLogY([.. points.Select(rows => rows.Average(row => LogY[row]))]);
    }

    /// <summary>Numbers keys in the order of their first occurrence.</summary>
    private static int[] Numbered(IEnumerable<object> keys)
    {
        var numbers = new Dictionary<object, int>();
        return [.. keys.Select(key => numbers.TryGetValue(key, out var number) ? number : numbers[key] = numbers.Count)];
    }

    private static int CountOf(int[] numbers) => numbers.Length == 0 ? 0 : numbers.Max() + 1;

    private static double[]? Logs(List<Observation> rows, Func<Observation, double?> column) =>
        rows.TrueForAll(row => column(row) is not null) ? [.. rows.Select(row => Math.Log(column(row)!.Value))] : null;
}
