using System.CommandLine;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Report;
using ClipTrain.Experiments.Scaling;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain scaling fit|predict</c>: fits scaling laws to results and extrapolates from them.</summary>
public static class ScalingCommand
{
    public static Command Create() => new("scaling", "Fit scaling laws to results and predict from them.") { CreateFit(), CreatePredict() };

    private static Command CreateFit()
    {
        var results = new Argument<string>("RESULTS") { Description = "CSV file with a header line, such as the results.csv of a sweep." };
        var x = Column("--x", "Independent variable, such as compute.", "compute");
        var y = Column("--y", "Error or loss.", "error");
        var law = new Option<string[]>("--law")
        {
            Description =
                $"Law to fit: {string.Join(", ", Laws.Names)}, or all, which fits every law that the results can determine. Repeatable.",
            DefaultValueFactory = _ => ["all"],
            AllowMultipleArgumentsPerToken = true,
        };
        law.AcceptOnlyFromAmong(["all", .. Laws.Names]);
        var parameters = Optional("--params", "Column of the model size, for laws of model and data.");
        var data = Optional("--data", "Column of samples seen, for laws of model and data.");
        var unique = Optional("--unique", "Column of unique samples, for the law of repeated data.");
        var group = Optional("--group", "Column to group by; each group is fitted separately.");
        var seed = Optional("--seed", "Column of the seed; rows that differ only in it are repeats of one trial.");
        var curve = Optional("--curve", "Column of the curve; rows with one value are points of one trial, of any seed.");
        var output = new Option<string>("--output", "-o")
        {
            Description = "Output folder for laws.json, laws.csv, report.html and the data that predict needs.",
            DefaultValueFactory = _ => "law",
        };
        var command = new Command("fit", "Fit laws with 95% intervals to a results table.")
        {
            results,
            x,
            y,
            law,
            parameters,
            data,
            unique,
            group,
            seed,
            curve,
            output,
        };
        command.SetAction(parsed =>
        {
            var columns = new ResultColumns(parsed.GetRequiredValue(x), parsed.GetRequiredValue(y))
            {
                Params = parsed.GetValue(parameters),
                Data = parsed.GetValue(data),
                Unique = parsed.GetValue(unique),
                Group = parsed.GetValue(group),
                Seed = parsed.GetValue(seed),
                Curve = parsed.GetValue(curve),
            };
            var chosen = parsed.GetRequiredValue(law);
            var observations = ResultsFile.Read(parsed.GetRequiredValue(results), columns);
            var result = LawFitter.Fit(observations, chosen.Contains("all", StringComparer.Ordinal) ? null : chosen);
            LawOutput.Finish(
                parsed.GetRequiredValue(output),
                new ReportTitle(parsed.GetRequiredValue(results), columns.X, columns.Y),
                observations,
                result
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command CreatePredict()
    {
        var folder = new Argument<string>("LAW") { Description = "Output folder of scaling fit." };
        var compute = new Option<double[]>("--compute", "--x")
        {
            Description = "Values of x to predict for, e.g. 1e12.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var parameters = new Option<double?>("--params") { Description = "Model size, for laws of model and data (with --data)." };
        var data = new Option<double?>("--data") { Description = "Samples seen, for laws of model and data (with --params)." };
        var law = new Option<string?>("--law") { Description = "Use only this law." };
        law.AcceptOnlyFromAmong([.. Laws.Names]);
        var command = new Command(
            "predict",
            "Extrapolate from fitted laws: value, 95% interval of the law and 90% interval of a single trial."
        )
        {
            folder,
            compute,
            parameters,
            data,
            law,
        };
        command.SetAction(parsed =>
        {
            var all = LawFolder.Read(parsed.GetRequiredValue(folder));
            var fits = all.Where(fit => parsed.GetValue(law) is not { } name || fit.Law == name).ToList();
            if (fits.Count == 0)
            {
                throw new ExperimentException(
                    $"{parsed.GetRequiredValue(folder)} has no fit of {parsed.GetValue(law)}; it has "
                        + $"{string.Join(", ", all.Select(fit => fit.Law).Distinct(StringComparer.Ordinal))}."
                );
            }

            var model = (parsed.GetValue(parameters), parsed.GetValue(data)) switch
            {
                ({ } n, { } d) => (Positive("--params", n), Positive("--data", d)),
                (null, null) => default((double, double)?),
                _ => throw new ExperimentException("--params and --data must be given together: the model size and the samples seen."),
            };
            var values = parsed.GetRequiredValue(compute).Select(value => Positive("--compute", value)).ToList();
            if (values.Count == 0 && model is null)
            {
                throw new ExperimentException("Nothing to predict for: give --compute, e.g. --compute 1e12, or --params and --data.");
            }

            Predict(fits, values, model);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Predict(IReadOnlyList<LawFit> fits, IReadOnlyList<double> values, (double Params, double Data)? model)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("law").AddColumn("group").AddColumn("for");
        foreach (var column in new[] { "value", "95% interval", "90% of one trial", "best model", "best samples" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        var beyond = new List<string>();
        foreach (var fit in fits)
        {
            foreach (var value in values)
            {
                var (prediction, best) = (Prediction.At(fit, value), Prediction.Allocation(fit, value));
                if (prediction is not null || best is not null)
                {
                    AddRow(fit, LawOutput.Number(value), prediction, best);
                }

                if (
                    Math.Abs(Math.Log(value) - Math.Clamp(Math.Log(value), fit.Range.Least, fit.Range.Most)) / Math.Log(10)
                    is > 1
                        and var decades
                )
                {
                    beyond.Add(
                        $"{LawOutput.Number(value)} is {decades:0.#} decades beyond the results: the intervals cover the noise of the "
                            + "results, "
                            + "not the risk that a different law holds there."
                    );
                }
            }

            if (model is { } at && Prediction.At(fit, at.Params, at.Data) is { } ofModel)
            {
                AddRow(fit, $"N {LawOutput.Number(at.Params)}, D {LawOutput.Number(at.Data)}", ofModel, null);
            }
        }

        if (table.Rows.Count == 0)
        {
            throw new ExperimentException(
                "No fitted law can predict this: --params and --data need the parametric law; isoflop and parametric need compute as x."
            );
        }

        AnsiConsole.Write(table);
        foreach (var warning in beyond.Distinct(StringComparer.Ordinal))
        {
            Console.WriteLine($"· {warning}");
        }

        void AddRow(LawFit fit, string of, Prediction? prediction, (Estimate Params, Estimate Data)? best) =>
            table.AddRow([
                new Text(fit.Law),
                new Text(fit.Group),
                new Text(of),
                new Text(LawOutput.Number(prediction?.Value)),
                new Text(LawOutput.Interval(prediction?.Law?.Low, prediction?.Law?.High)),
                new Text(LawOutput.Interval(prediction?.Trial?.Low, prediction?.Trial?.High)),
                new Text(LawOutput.Number(best?.Params.Value)),
                new Text(LawOutput.Number(best?.Data.Value)),
            ]);
    }

    private static double Positive(string option, double value) =>
        value > 0 && double.IsFinite(value) ? value : throw new ExperimentException($"{option} must be positive.");

    private static Option<string> Column(string name, string description, string usual) =>
        new(name) { Description = $"Column. {description}", DefaultValueFactory = _ => usual };

    private static Option<string?> Optional(string name, string description) => new(name) { Description = description };
}
