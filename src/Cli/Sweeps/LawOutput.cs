using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Scaling;
using Spectre.Console;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Output of a fit: its folder with the report, and a table of the parameters.</summary>
internal static class LawOutput
{
    /// <summary>Writes the fit's folder and report, and prints the parameters.</summary>
    public static void Finish(
        string folder,
        ReportTitle title,
        IReadOnlyList<Observation> observations,
        FitResult result,
        params IReadOnlyList<ReportTable> tables
    )
    {
        LawFolder.Write(folder, result.Laws);
        ScalingReport.Write(Path.Combine(folder, "report.html"), title, observations, result, tables);
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("law").AddColumn("group").AddColumn("parameter");
        foreach (var column in new[] { "value", "95% interval", "AIC", "held out", "points" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        foreach (var fit in result.Laws)
        {
            foreach (var (i, (name, estimate)) in fit.Parameters.Index())
            {
                table.AddRow([
                    new Text(i == 0 ? fit.Law : ""),
                    new Text(i == 0 ? fit.Group : ""),
                    new Text(name),
                    new Text(Number(estimate.Value)),
                    new Text(Interval(estimate.Low, estimate.High)),
                    new Text(i == 0 ? Number(fit.Aic) : ""),
                    new Text(i == 0 && fit.HeldoutError is { } error ? Readable.Percent(error) : ""),
                    new Text(i == 0 ? $"{fit.Points}" : ""),
                ]);
            }
        }

        AnsiConsole.Write(table);
        PrintWarnings(result);
        Console.WriteLine($"Charts: {Path.Combine(folder, "report.html")}; laws: {Path.Combine(folder, "laws.json")}.");
    }

    public static void PrintWarnings(FitResult result)
    {
        foreach (var warning in result.Warnings)
        {
            Console.WriteLine($"· {warning}");
        }
    }

    public static string Number(double? value) => value is { } number ? Readable.Number(number) : "";

    public static string Interval(double? low, double? high) => low is null || high is null ? "" : $"{Number(low)} to {Number(high)}";
}
