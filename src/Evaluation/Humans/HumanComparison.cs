using System.ComponentModel;
using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Csv;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;

namespace ClipTrain.Evaluation.Humans;

[Description("Accuracies of people on a set.")]
public sealed record HumanOptions
{
    [Description("The set.")]
    public required string Set { get; init; }

    [Description("CSV file with columns class and accuracy (a fraction from 0 to 1), and n if known.")]
    public required string File { get; init; }
}

/// <summary>Accuracies of humans and a model on a class.</summary>
public sealed record HumanClass(string Name, double Humans, double Model, int Images);

/// <summary>Result of a comparison with humans.</summary>
/// <param name="Set">The set.</param>
/// <param name="Classes">The common classes, hardest for both first.</param>
/// <param name="Rows">The figures.</param>
public sealed record HumanResult(string Set, IReadOnlyList<HumanClass> Classes, IReadOnlyList<ResultRow> Rows);

/// <summary>
/// Compares human and zero-shot accuracies by class, to find classes that are hard for both (Radford et al. 2021, section 4).
/// </summary>
public static class HumanComparison
{
    private const int LeastClasses = 3;

    /// <exception cref="CorpusException">The file cannot be read, or shares too few classes with the set.</exception>
    public static HumanResult Run(HumanOptions options, ZeroShotResult zeroShot)
    {
        var humans = Read(options.File);
        if (humans.Keys.FirstOrDefault(name => !zeroShot.Classes.Contains(name, StringComparer.Ordinal)) is { } unknown)
        {
            throw new CorpusException(
                $"{options.File} names the class '{unknown}', which is not one of {options.Set}'s; spell the names as the set does."
            );
        }

        var classes = zeroShot
            .Predictions.GroupBy(prediction => prediction.Label)
            .Select(own => (Name: zeroShot.Classes[own.Key], Right: own.Count(prediction => prediction.Before == 0), Count: own.Count()))
            .Where(own => humans.ContainsKey(own.Name))
            .Select(own => new HumanClass(own.Name, humans[own.Name], own.Right / (double)own.Count, own.Count))
            .OrderBy(own => own.Humans + own.Model)
            .ThenBy(own => own.Name, StringComparer.Ordinal)
            .ToList();
        if (classes.Count < LeastClasses)
        {
            throw new CorpusException($"{options.File} has {classes.Count} of {options.Set}'s classes; a comparison needs {LeastClasses}.");
        }

        double[] x = [.. classes.Select(own => own.Humans)],
            y = [.. classes.Select(own => own.Model)];
        var gap = Bootstrap.Intervals(classes.Count, times => [Mean(times, i => y[i] - x[i])])[0];
        var rank = Bootstrap.Intervals(classes.Count, times => [RankCorrelation(Repeat(x, times), Repeat(y, times))])[0];
        return new HumanResult(
            options.Set,
            classes,
            [
                ResultRow.Of(options.Set, "humans", "model_minus_humans", y.Average() - x.Average(), gap, classes.Count, Bootstrap.Seed),
                ResultRow.Of(
                    options.Set,
                    "humans",
                    "rank_correlation_by_class",
                    RankCorrelation(x, y),
                    rank,
                    classes.Count,
                    Bootstrap.Seed
                ),
            ]
        );
    }

    /// <summary>Spearman's correlation, with mean ranks for ties. NaN if all values are equal.</summary>
    internal static double RankCorrelation(double[] x, double[] y)
    {
        var (a, b) = (Ranks(x), Ranks(y));
        var (meanA, meanB) = (a.Average(), b.Average());
        var covariance = a.Zip(b, (p, q) => (p - meanA) * (q - meanB)).Sum();
        return covariance / Math.Sqrt(a.Sum(p => (p - meanA) * (p - meanA)) * b.Sum(q => (q - meanB) * (q - meanB)));
    }

    private static double[] Ranks(double[] values) =>
        [.. values.Select(value => values.Count(other => other < value) + ((values.Count(other => other == value) + 1) / 2.0))];

    private static double Mean(int[] times, Func<int, double> value) =>
        Enumerable.Range(0, times.Length).Sum(i => times[i] * value(i)) / times.Sum();

    private static double[] Repeat(double[] values, int[] times) =>
        [.. values.SelectMany((value, i) => Enumerable.Repeat(value, times[i]))];

    private static Dictionary<string, double> Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new CorpusException($"{path} does not exist; humans.file names a CSV file with columns class and accuracy.");
        }

        using var records = new CsvRecords(File.OpenRead(path), ',', quotes: true, path);
        var header = records.Next() ?? [];
        var (name, accuracy) = (Array.IndexOf(header, "class"), Array.IndexOf(header, "accuracy"));
        if (name < 0 || accuracy < 0)
        {
            throw new CorpusException($"{path} needs the columns class and accuracy; its columns: {string.Join(", ", header)}.");
        }

        var humans = new Dictionary<string, double>(StringComparer.Ordinal);
        while (records.Next() is { } fields)
        {
            if (!double.TryParse(fields[accuracy], NumberStyles.Float, CultureInfo.InvariantCulture, out var share) || share is < 0 or > 1)
            {
                throw new CorpusException(
                    $"{path}:{records.Line}: '{fields[accuracy]}' is not a fraction from 0 to 1; write 53.7% as 0.537."
                );
            }

            if (!humans.TryAdd(fields[name], share))
            {
                throw new CorpusException($"{path}:{records.Line}: the class '{fields[name]}' is given twice.");
            }
        }

        return humans;
    }
}
