using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Evaluation;
using ClipTrain.Trainer.Evaluation.Statistics;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Telemetry;
using Spectre.Console;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>eval compare</c>: models against the first of them, image by image.</summary>
public static class EvalCompareCommand
{
    public static Command Create()
    {
        var models = new Argument<string[]>("MODEL") { Description = "Two models or more, each as eval takes it. All are compared with the first.", Arity = new ArgumentArity(2, 100) };
        var splits = new Option<string>("--splits") { Description = "Run file whose evaluation says on what the models are measured.", Required = true };
        var output = new Option<string?>("--output", "-o") { Description = "File for the differences, as JSON." };
        var command = new Command("compare", "Compare models on the same images: paired differences with 95% intervals, and exact tests.") { models, splits, output };
        command.SetAction(parsed =>
        {
            using var log = LogSetup.Create(AnsiConsole.Console);
            var options = RunConfig.Load(parsed.GetRequiredValue(splits), []).Options;
            var names = parsed.GetRequiredValue(models);
            var measured = names.Select(name =>
            {
                using var opened = ModelFolder.Open(name);
                log.Information("measuring {Model:l}", name);
                return RunReport.Measure(opened, options, log);
            }).ToList();
            var rows = measured.Skip(1).SelectMany((figures, i) => Comparison.Of(measured[0], figures).Select(row => (Model: names[i + 1], Row: row))).ToList();
            var adjusted = PairedTest.Holm(rows.ConvertAll(row => row.Row.P));
            AnsiConsole.Write(Draw(names[0], rows, adjusted));
            if (parsed.GetValue(output) is { } file)
                File.WriteAllText(file, JsonSerializer.Serialize(rows.Zip(adjusted, (row, holm) => Flat(names[0], row.Model, row.Row, holm)), TelemetryJson.Indented) + "\n");
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Table Draw(string first, IReadOnlyList<(string Model, Comparison Row)> rows, IReadOnlyList<double> adjusted)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("model").AddColumn("evaluation");
        foreach (var column in new[] { Path.GetFileName(first.TrimEnd('/')), "model", "difference", "p", "p (Holm)", "n" })
            table.AddColumn(new TableColumn(Markup.Escape(column)).RightAligned());
        foreach (var ((model, row), holm) in rows.Zip(adjusted))
        {
            table.AddRow([
                new Text(Path.GetFileName(model.TrimEnd('/'))), new Text($"{row.Set} {row.Task.Replace('_', ' ')} {row.Metric}"), new Text(Readable.Number(row.First)), new Text(Readable.Number(row.Second)),
                new Text($"{Signed(row.Difference)}\n{Signed(row.Range.Low)} to {Signed(row.Range.High)}"), new Text(Readable.Number(row.P)), new Text(Readable.Number(holm)), new Text(Readable.Count(row.N)),
            ]);
        }

        return table;
    }

    private static object Flat(string first, string second, Comparison row, double holm) => new
    {
        FirstModel = first,
        SecondModel = second,
        row.Set,
        row.Task,
        row.Metric,
        row.First,
        row.Second,
        row.Difference,
        row.Range.Low,
        row.Range.High,
        row.P,
        PHolm = holm,
        row.N,
    };

    private static string Signed(double value) => value.ToString("+0.0000;-0.0000;0", CultureInfo.InvariantCulture);
}
