using System.CommandLine;
using System.Globalization;
using ClipTrain.Cli.Config;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Interop;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>Evaluation of a model on a suite, as several commands run it.</summary>
internal static class SuiteArguments
{
    public static Option<string?> Suite() =>
        new("--suite") { Description = "Suite file with evaluation sets and tasks (see docs/evaluation.md)." };

    /// <summary>Evaluates a model, prints the metrics and, if an output folder is given, writes them there.</summary>
    public static int Run(string model, string? modelOfFile, string suiteFile, Func<SuiteOptions, SuiteScope> scope, string? output)
    {
        var suite = SuiteConfig.Load(suiteFile);
        using var log = LogSetup.Create(AnsiConsole.Console);
        using var opened = ModelFolder.Open(model, modelOfFile);
        var result = SuiteEvaluation.Run(opened, Path.GetFileName(Path.TrimEndingDirectorySeparator(model)), suite, scope(suite), log);
        AnsiConsole.Write(Draw(result.Rows));
        if (output is not null)
        {
            SuiteEvaluation.Write(output, result);
            log.Information("wrote the report to {Report:l}", Path.Combine(output, SuiteEvaluation.ReportFile));
        }

        return ExitCodes.Ok;
    }

    private static Table Draw(IReadOnlyList<ResultRow> rows)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("set").AddColumn("task").AddColumn("figure");
        foreach (var column in new[] { "value", "95% interval", "n" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        foreach (var row in rows)
        {
            table.AddRow(
                new Text(row.Set),
                new Text(row.Task.Replace('_', ' ')),
                new Text(row.Metric),
                new Text(Number(row.Value)),
                new Text(row is { Low: { } low, High: { } high } ? $"{Number(low)} to {Number(high)}" : ""),
                new Text(Readable.Count(row.N))
            );
        }

        return table;

        static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
    }
}
