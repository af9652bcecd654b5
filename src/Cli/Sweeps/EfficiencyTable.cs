using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Efficiency;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Cli.Sweeps;

/// <summary>
/// The samples or compute that the choices of a sweep's axis need for the same accuracy, for the terminal, the report and the sweep's
/// folder.
/// </summary>
internal static class EfficiencyTable
{
    /// <summary>The table; none if the sweep compares nothing, or has too few results yet, which is said.</summary>
    public static IEnumerable<ReportTable> Of(OpenedSweep opened)
    {
        if (opened.Sweep.Efficiency is not { } compared)
        {
            yield break;
        }

        IReadOnlyList<EfficiencyRow> rows;
        try
        {
            var points = SweepResults.Accuracies(opened.Sweep, compared, opened.Folder, opened.Trials);
            rows = EfficiencyComparison.Compare(points, compared.Reference, compared.Accuracies);
        }
        catch (ExperimentException e)
        {
            Console.WriteLine(e.Message);
            yield break;
        }

        var isCompute = compared.By == EfficiencyUnit.Compute;
        var (unit, noun) = isCompute ? ("FLOPs", "compute") : ("samples", "samples");
        EfficiencyFiles.Write(opened.Folder.Path, unit, rows);
        foreach (var row in rows)
        {
            Console.WriteLine(Sentence(row, opened.Sweep.Metric, unit, $"the {noun} of {compared.Reference}", compared.Reference));
        }

        string[] configuration = rows.Any(row => row.Configuration.Length > 0) ? ["configuration"] : [];
        yield return new ReportTable(
            isCompute ? "Compute for the same accuracy" : "Samples for the same accuracy",
            $"{opened.Sweep.Metric}, mean over seeds, linear between budgets over the logarithm of the {noun}; "
                + (configuration.Length > 0 ? "of each choice the configuration that reaches it first; " : "")
                + "95% intervals by a bootstrap over seeds",
            [
                "accuracy",
                compared.Axis,
                .. configuration,
                unit,
                "95% interval",
                $"times the {noun} of {compared.Reference}",
                "95% interval",
            ],
            [
                .. rows.Select(row =>
                    (string[])
                        [
                            Readable.Number(row.Accuracy),
                            row.Group,
                            .. configuration.Select(_ => row.Configuration),
                            Text(row.Amount),
                            Interval(row.AmountInterval),
                            row.Ratio is { } ratio ? Text(ratio) : "unknown",
                            Interval(row.RatioInterval),
                        ]
                ),
            ]
        );
    }

    private static string Sentence(EfficiencyRow row, string metric, string unit, string ofReference, string reference)
    {
        var reached = row.Amount.Censoring == Censoring.MoreThan ? "not reached after" : "reached after";
        var count = row.Amount.Censoring == Censoring.MoreThan ? Readable.Number(row.Amount.Value) : Text(row.Amount);
        var configuration = row.Configuration.Length == 0 ? "" : $" ({row.Configuration})";
        var ratio =
            row.Group == reference ? ""
            : row.Ratio is { } times ? $", {Text(times)} times {ofReference}{InParentheses(row.RatioInterval)}"
            : $", ratio to {reference} unknown";
        return $"{row.Group}{configuration}: {metric} {Readable.Number(row.Accuracy)} {reached} {count} {unit}"
            + $"{InParentheses(row.AmountInterval)}{ratio}";
    }

    private static string Text(Censored quantity) =>
        quantity.Censoring switch
        {
            Censoring.AtMost => $"at most {Readable.Number(quantity.Value)}",
            Censoring.MoreThan => $"more than {Readable.Number(quantity.Value)}",
            _ => Readable.Number(quantity.Value),
        };

    private static string InParentheses((double, double)? interval) => interval is null ? "" : $" ({Interval(interval)})";

    /// <summary>An interval, of which 0 and ∞ are ends that lie outside the budgets.</summary>
    private static string Interval((double Low, double High)? interval) =>
        interval switch
        {
            null => "",
            (0, double.PositiveInfinity) => "wider than the budgets",
            (_, 0) => "below the budgets",
            (double.PositiveInfinity, _) => "beyond the budgets",
            (0, var high) => $"at most {Readable.Number(high)}",
            (var low, double.PositiveInfinity) => $"at least {Readable.Number(low)}",
            var (low, high) => $"{Readable.Number(low)} to {Readable.Number(high)}",
        };
}
