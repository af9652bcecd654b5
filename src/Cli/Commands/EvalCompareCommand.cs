using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ClipTrain.Cli.Config;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Options;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>eval compare</c>: paired comparison of models with the first one, image by image.</summary>
public static class EvalCompareCommand
{
    public static Command Create()
    {
        var models = new Argument<string[]>("MODEL")
        {
            Description = "Two or more models, in any form that eval accepts. Each is compared with the first.",
            Arity = new ArgumentArity(2, 100),
        };
        var splits = new Option<string?>("--splits") { Description = "Run file whose evaluation section names the splits." };
        var suite = new SuiteArguments();
        var output = new Option<string?>("--output", "-o") { Description = "JSON file for the differences; with --suite also by class." };
        var command = new Command("compare", "Compare models on the same images: paired differences with 95% intervals and exact tests.")
        {
            models,
            splits,
            output,
        };
        suite.AddTo(command);
        command.SetAction(parsed =>
        {
            using var log = LogSetup.Create(AnsiConsole.Console);
            OutputPlace.RequireFile(parsed.GetValue(output));
            var names = parsed.GetRequiredValue(models);
            if (suite.Suite(parsed) is null)
            {
                suite.RequireNoPlan(parsed);
            }

            var rows = (suite.Suite(parsed), parsed.GetValue(splits)) switch
            {
                ({ } file, null) => OnSuite(names, SuiteConfig.Load(file), suite.Plan(parsed), log),
                (null, { } file) => OnSplits(names, RunConfig.Load(file, []).Options, log),
                _ => throw new UsageException("Give either --suite FILE or --splits FILE to name the evaluation sets."),
            };
            var sets = rows.Where(row => row.Row.Class is null).ToList();
            var classes = rows.Where(row => row.Row.Class is not null).ToList();
            var adjusted = PairedTest.Holm(sets.ConvertAll(row => row.Row.P));
            AnsiConsole.Write(Draw(names[0], sets, adjusted));
            var adjustedClasses = PairedTest.Holm(classes.ConvertAll(row => row.Row.P));
            if (classes.Count > 0)
            {
                AnsiConsole.Write(Draw(names[0], Most(classes, adjustedClasses, out var shown), shown));
            }

            if (parsed.GetValue(output) is { } path)
            {
                File.WriteAllText(
                    path,
                    JsonSerializer.Serialize(
                        sets.Zip(adjusted)
                            .Concat(classes.Zip(adjustedClasses))
                            .Select(row => Flat(names[0], row.First.Model, row.First.Row, row.Second)),
                        TelemetryJson.Indented
                    ) + "\n"
                );
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    private static List<(string Model, Comparison Row)> OnSplits(string[] names, RunOptions options, Serilog.ILogger log)
    {
        var measured = names
            .Select(name =>
            {
                using var opened = ModelFolder.Open(name);
                log.Information("evaluating {Model:l}", name);
                return RunReport.Measure(opened, options, log);
            })
            .ToList();
        return
        [
            .. measured.Skip(1).SelectMany((figures, i) => SplitComparison.Of(measured[0], figures).Select(row => (names[i + 1], row))),
        ];
    }

    private static List<(string Model, Comparison Row)> OnSuite(string[] names, SuiteOptions suite, EncodingPlan plan, Serilog.ILogger log)
    {
        var scope = new SuiteScope { Tasks = [.. SuiteScope.Classifying, SetTask.Retrieval] };
        var measured = names
            .Select(name =>
            {
                using var opened = ModelFolder.Open(name);
                log.Information("evaluating {Model:l}", name);
                return SuiteEvaluation.Run(new SuiteModel(opened, name), suite, scope, plan, log);
            })
            .ToList();
        return
        [
            .. measured
                .Skip(1)
                .SelectMany(
                    (result, i) =>
                    {
                        var (sets, classes) = SuiteComparison.Of(measured[0], result);
                        return sets.Concat(classes).Select(row => (names[i + 1], row));
                    }
                ),
        ];
    }

    /// <summary>The classes with the largest differences.</summary>
    private static List<(string Model, Comparison Row)> Most(
        List<(string Model, Comparison Row)> classes,
        IReadOnlyList<double> adjusted,
        out IReadOnlyList<double> shown
    )
    {
        const int most = 10;
        var order = Enumerable.Range(0, classes.Count).OrderByDescending(i => Math.Abs(classes[i].Row.Difference)).Take(most).ToList();
        shown = order.ConvertAll(i => adjusted[i]);
        return order.ConvertAll(i => classes[i]);
    }

    private static Table Draw(string first, IReadOnlyList<(string Model, Comparison Row)> rows, IReadOnlyList<double> adjusted)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("model").AddColumn("evaluation");
        foreach (var column in new[] { Path.GetFileName(first.TrimEnd('/')), "model", "difference", "p", "p (Holm)", "n" })
        {
            table.AddColumn(new TableColumn(Markup.Escape(column)).RightAligned());
        }

        foreach (var ((model, row), holm) in rows.Zip(adjusted))
        {
            table.AddRow([
                new Text(Path.GetFileName(model.TrimEnd('/'))),
                new Text($"{row.Set} {row.Task.Replace('_', ' ')} {row.Metric}{(row.Class is null ? "" : $", {row.Class}")}"),
                new Text(Readable.Number(row.First)),
                new Text(Readable.Number(row.Second)),
                new Text($"{Signed(row.Difference)}\n{Signed(row.Range.Low)} to {Signed(row.Range.High)}"),
                new Text(Readable.Number(row.P)),
                new Text(Readable.Number(holm)),
                new Text(Readable.Count(row.N)),
            ]);
        }

        return table;
    }

    private static object Flat(string first, string second, Comparison row, double holm) =>
        new
        {
            FirstModel = first,
            SecondModel = second,
            row.Set,
            row.Task,
            row.Metric,
            row.Class,
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
