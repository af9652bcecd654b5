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
}

/// <summary>Observations of one group as arrays of natural logarithms, ordered by x.</summary>
public sealed class Sample
{
    private Sample(double[] logX, double[] logY, int[] trials) =>
        (LogX, LogY, Trials, TrialCount) = (logX, logY, trials, trials.Length == 0 ? 0 : trials.Max() + 1);

    public int Count => LogX.Length;

    public double[] LogX { get; }

    public double[] LogY { get; }

    /// <summary>Null unless every observation has one.</summary>
    public double[]? LogParams { get; private init; }

    /// <summary>Null unless every observation has one.</summary>
    public double[]? LogData { get; private init; }

    /// <summary>Null unless every observation has one.</summary>
    public double[]? LogUnique { get; private init; }

    /// <summary>Trial index of each observation. The seeds of a configuration are one trial.</summary>
    public int[] Trials { get; }

    public int TrialCount { get; }

    /// <summary>True if some trial has several seeds.</summary>
    public bool HasSeeds => TrialCount < Count;

    public static Sample Of(IEnumerable<Observation> observations)
    {
        var rows = observations.OrderBy(row => row.X).ThenBy(row => row.Params).ThenBy(row => row.Data).ThenBy(row => row.Y).ToList();
        var trials = new Dictionary<(double, double?, double?, double?, int), int>();
        return new Sample(
            [.. rows.Select(row => Math.Log(row.X))],
            [.. rows.Select(row => Math.Log(row.Y))],
            [.. rows.Select((row, i) => NumberOf((row.X, row.Params, row.Data, row.Unique, row.Seed is null ? i : -1)))]
        )
        {
            LogParams = Logs(rows, row => row.Params),
            LogData = Logs(rows, row => row.Data),
            LogUnique = Logs(rows, row => row.Unique),
        };

        int NumberOf((double, double?, double?, double?, int) trial)
        {
            if (!trials.TryGetValue(trial, out var number))
            {
                trials.Add(trial, number = trials.Count);
            }

            return number;
        }
    }

    /// <summary>The same trials with different results.</summary>
    public Sample WithLogY(double[] logY) =>
        new(LogX, logY, Trials)
        {
            LogParams = LogParams,
            LogData = LogData,
            LogUnique = LogUnique,
        };

    /// <summary>Selects observations by row.</summary>
    public Sample Take(IReadOnlyList<int> rows)
    {
        var numbers = new Dictionary<int, int>();
        return new Sample(
            Pick(LogX)!,
            Pick(LogY)!,
            [.. rows.Select(row => numbers.TryGetValue(Trials[row], out var number) ? number : numbers[Trials[row]] = numbers.Count)]
        )
        {
            LogParams = Pick(LogParams),
            LogData = Pick(LogData),
            LogUnique = Pick(LogUnique),
        };

        double[]? Pick(double[]? values) => values is null ? null : [.. rows.Select(row => values[row])];
    }

    /// <summary>One observation per trial: the mean logarithm over its seeds.</summary>
    public Sample MeanOverSeeds()
    {
        if (!HasSeeds)
        {
            return this;
        }

        var first = Enumerable.Range(0, TrialCount).Select(trial => Array.IndexOf(Trials, trial)).ToArray();
        var means = Enumerable
            .Range(0, Count)
            .GroupBy(row => Trials[row])
            .ToDictionary(rows => rows.Key, rows => rows.Average(row => LogY[row]));
        return Take(first).WithLogY([.. Enumerable.Range(0, TrialCount).Select(trial => means[trial])]);
    }

    private static double[]? Logs(List<Observation> rows, Func<Observation, double?> column) =>
        rows.TrueForAll(row => column(row) is not null) ? [.. rows.Select(row => Math.Log(column(row)!.Value))] : null;
}
