using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Efficiency;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Cli.Sweeps;

/// <summary>The samples that the choices of a sweep's axis need for the same accuracy, for the terminal and the report.</summary>
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
            var points = SweepResults.Accuracies(opened.Sweep, opened.Folder, opened.Trials);
            rows = SampleEfficiency.Compare(points, compared.Reference, compared.Accuracies);
        }
        catch (ExperimentException e)
        {
            Console.WriteLine(e.Message);
            yield break;
        }

        foreach (var row in rows)
        {
            Console.WriteLine(Sentence(row, opened.Sweep.Metric, compared.Reference));
        }

        yield return new ReportTable(
            "Samples for the same accuracy",
            $"{opened.Sweep.Metric}, mean over seeds, linear between budgets over the logarithm of the samples; 95% intervals by a "
                + "bootstrap over seeds",
            ["accuracy", compared.Axis, "samples", "95% interval", $"times those of {compared.Reference}", "95% interval"],
            [
                .. rows.Select(row =>
                    (string[])
                        [
                            Readable.Number(row.Accuracy),
                            row.Group,
                            Text(row.Samples),
                            Interval(row.SamplesInterval),
                            row.Ratio is { } ratio ? Text(ratio) : "unknown",
                            Interval(row.RatioInterval),
                        ]
                ),
            ]
        );
    }

    private static string Sentence(EfficiencyRow row, string metric, string reference)
    {
        var reached = row.Samples.Censoring == Censoring.MoreThan ? "not reached after" : "reached after";
        var count = row.Samples.Censoring == Censoring.MoreThan ? Readable.Number(row.Samples.Value) : Text(row.Samples);
        var ratio =
            row.Group == reference ? ""
            : row.Ratio is { } times ? $", {Text(times)} times {reference}{InParentheses(row.RatioInterval)}"
            : $", ratio to {reference} unknown";
        return $"{row.Group}: {metric} {Readable.Number(row.Accuracy)} {reached} {count} samples{InParentheses(row.SamplesInterval)}{ratio}";
    }

    private static string Text(Censored quantity) =>
        quantity.Censoring switch
        {
            Censoring.AtMost => $"at most {Readable.Number(quantity.Value)}",
            Censoring.MoreThan => $"more than {Readable.Number(quantity.Value)}",
            _ => Readable.Number(quantity.Value),
        };

    private static string InParentheses((double, double)? interval) => interval is null ? "" : $" ({Interval(interval)})";

    private static string Interval((double Low, double High)? interval) =>
        interval is { } known ? $"{Bound(known.Low)} to {(double.IsInfinity(known.High) ? "unbounded" : Bound(known.High))}" : "";

    private static string Bound(double value) =>
        value switch
        {
            0 => "below the budgets",
            double.PositiveInfinity => "beyond the budgets",
            _ => Readable.Number(value),
        };
}
