using System.CommandLine;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
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
        var suite = new SuiteArguments();
        var splits = new Option<string?>("--splits") { Description = "Run file whose evaluation section names the splits." };
        var model = ModelExportCommand.Model();
        var output = new Option<string?>("--output", "-o")
        {
            Description = "Output folder for results.json and results.csv, and with --suite report.html.",
        };
        var watched = new Option<bool>(EvaluationProcess.Watched)
        {
            Description = "Exit when the process that started this one does.",
            Hidden = true,
        };
        var command = new Command("eval", "Evaluate a model and print its metrics with 95% intervals.")
        {
            run,
            splits,
            model,
            output,
            watched,
            EvalCompareCommand.Create(),
            EvalWorkerCommand.Create(),
            EvalSetCommand.Create(),
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
        suite.AddTo(command);
        command.SetAction(parsed =>
        {
            using var watch = parsed.GetValue(watched) ? ParentWatch.Start() : null;
            var (name, into) = (parsed.GetRequiredValue(run), parsed.GetValue(output));
            if (suite.Suite(parsed) is { } suiteFile)
            {
                return SuiteArguments.Run(
                    new SuiteRequest(name, suiteFile, _ => SuiteScope.All, suite.Plan(parsed), into)
                    {
                        Architecture = parsed.GetValue(model),
                    }
                );
            }

            if (parsed.GetValue(splits) is { } file)
            {
                suite.RequireNoPlan(parsed);
                using var console = LogSetup.Create(AnsiConsole.Console);
                using var opened = ModelFolder.Open(name, parsed.GetValue(model));
                OutputPlace.RequireFolder(into);
                return RunReport.Evaluate(opened, RunConfig.Load(file, []).Options, console, into);
            }

            return EvaluateRun(name, suite, parsed, into);
        });
        return command;
    }

    /// <summary>Evaluates a run on its own splits and on the suite named in its run file.</summary>
    private static int EvaluateRun(string name, SuiteArguments arguments, ParseResult parsed, string? output)
    {
        var files = RunFiles.Find(name);
        var options = RunConfig.Load(files.Config, []).Options;
        if (options.Evaluation.Suite is not { } suite)
        {
            arguments.RequireNoPlan(parsed);
        }
        else if (options.Evaluation is { Retrieval.Count: 0, ZeroShot.Count: 0, Classification.Count: 0 })
        {
            return OnSuite(suite, output);
        }

        OutputPlace.RequireFolder(output);
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

        return OnSuite(options.Evaluation.Suite, output is null ? null : Path.Combine(output, "suite"));

        int OnSuite(string file, string? folder) =>
            SuiteArguments.Run(new SuiteRequest(name, file, _ => SuiteScope.All, arguments.Plan(parsed), folder));
    }

    private static Command Part(string name, Func<SuiteOptions, SuiteScope> scope, string description)
    {
        var model = new Argument<string>("MODEL") { Description = "Run, checkpoint, or any model that export accepts." };
        var suite = new SuiteArguments();
        var ofFile = ModelExportCommand.Model();
        var output = new Option<string?>("--output", "-o") { Description = "Output folder for results.json, results.csv and report.html." };
        var command = new Command(name, description) { model, ofFile, output };
        suite.AddTo(command, suiteRequired: true);
        command.SetAction(parsed =>
            SuiteArguments.Run(
                new SuiteRequest(parsed.GetRequiredValue(model), suite.Suite(parsed)!, scope, suite.Plan(parsed), parsed.GetValue(output))
                {
                    Architecture = parsed.GetValue(ofFile),
                }
            )
        );
        return command;
    }
}
