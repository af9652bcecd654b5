using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Runs;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain eval MODEL</c>: evaluates a run's newest checkpoint and rewrites its summary. With <c>--suite</c> it
/// evaluates any model on a suite, with <c>--splits RUN.yaml</c> on the evaluation splits of a run file.
/// </summary>
public static class EvalCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("MODEL")
        {
            Description = "Run directory, or its name under runs/; with --suite or --splits any model that export accepts.",
        };
        var suite = SuiteArguments.Suite();
        var splits = new Option<string?>("--splits") { Description = "Run file whose evaluation section names the splits." };
        var model = ModelExportCommand.Model();
        var output = new Option<string?>("--output", "-o")
        {
            Description = "Output folder for results.json and results.csv, and with --suite report.html.",
        };
        var command = new Command("eval", "Evaluate a model and print its metrics with 95% intervals.")
        {
            run,
            suite,
            splits,
            model,
            output,
            EvalCompareCommand.Create(),
            Part(
                "probe",
                _ => SuiteScope.Of(SetTask.Probe),
                "Linear probes, by the protocol of the CLIP paper, of its README or of CLIP_benchmark."
            ),
            Part(
                "fewshot",
                _ => new SuiteScope { Tasks = [SetTask.ZeroShot, SetTask.FewShot] },
                "Few-shot probes, and the number of labels that zero-shot accuracy is worth."
            ),
            Part("knn", _ => SuiteScope.Of(SetTask.Knn), "k-nearest-neighbour classification."),
            Part(
                "robustness",
                SuiteScope.RobustnessOf,
                "Effective robustness: accuracy under distribution shift against the trend of baseline models."
            ),
            Part("audit", _ => SuiteScope.AuditOf(), "Predicted label rates by demographic group, for several label sets side by side."),
            Part("overlap", SuiteScope.OverlapOf, "Overlap of test images with the training corpus, and its effect on accuracy."),
            Part("humans", SuiteScope.HumansOf, "Human accuracy per class next to the model's."),
        };
        command.SetAction(parsed =>
        {
            var name = parsed.GetRequiredValue(run);
            if (parsed.GetValue(suite) is { } suiteFile)
            {
                return SuiteArguments.Run(name, parsed.GetValue(model), suiteFile, _ => SuiteScope.All, parsed.GetValue(output));
            }

            if (parsed.GetValue(splits) is { } file)
            {
                using var console = LogSetup.Create(AnsiConsole.Console);
                using var opened = ModelFolder.Open(name, parsed.GetValue(model));
                return RunReport.Evaluate(opened, RunConfig.Load(file, []).Options, console, parsed.GetValue(output));
            }

            return EvaluateRun(name, parsed.GetValue(output));
        });
        return command;
    }

    /// <summary>Evaluates a run on its own splits and on the suite named in its run file.</summary>
    private static int EvaluateRun(string name, string? output)
    {
        var files = RunFiles.Find(name);
        var options = RunConfig.Load(files.Config, []).Options;
        if (
            options.Evaluation.Suite is { } suite
            && options.Evaluation is { Retrieval.Count: 0, ZeroShot.Count: 0, Classification.Count: 0 }
        )
        {
            return SuiteArguments.Run(name, modelOfFile: null, suite, _ => SuiteScope.All, output);
        }

        using (var log = LogSetup.Create(AnsiConsole.Console, files.Log))
        {
            if (
                RunReport.EvaluateAndWrite(files, options, log, output) is var exit
                && (exit != ExitCodes.Ok || options.Evaluation.Suite is null)
            )
            {
                return exit;
            }
        }

        return SuiteArguments.Run(
            name,
            modelOfFile: null,
            options.Evaluation.Suite!,
            _ => SuiteScope.All,
            output is null ? null : Path.Combine(output, "suite")
        );
    }

    private static Command Part(string name, Func<SuiteOptions, SuiteScope> scope, string description)
    {
        var model = new Argument<string>("MODEL") { Description = "Run, checkpoint, or any model that export accepts." };
        var suite = SuiteArguments.Suite();
        suite.Required = true;
        var ofFile = ModelExportCommand.Model();
        var output = new Option<string?>("--output", "-o") { Description = "Output folder for results.json, results.csv and report.html." };
        var command = new Command(name, description) { model, suite, ofFile, output };
        command.SetAction(parsed =>
            SuiteArguments.Run(
                parsed.GetRequiredValue(model),
                parsed.GetValue(ofFile),
                parsed.GetRequiredValue(suite)!,
                scope,
                parsed.GetValue(output)
            )
        );
        return command;
    }
}
