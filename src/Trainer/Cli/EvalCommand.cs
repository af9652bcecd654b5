using System.CommandLine;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Telemetry;
using Spectre.Console;

namespace ClipTrain.Trainer.Cli;

/// <summary>
/// <c>cliptrain eval RUN</c>: measures a run's newest checkpoint again and rewrites its summary. With <c>--splits RUN.yaml</c>
/// measures any model on the splits of a run file.
/// </summary>
public static class EvalCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "The run's directory, or its name under runs/; with --splits any folder or file that export takes." };
        var splits = new Option<string?>("--splits") { Description = "Run file whose evaluation says on what the model is measured." };
        var model = ModelExportCommand.Model();
        var output = new Option<string?>("--output", "-o") { Description = "Folder for the figures as lists: results.json and results.csv." };
        var command = new Command("eval", "Evaluate a run's newest checkpoint, or another model, and print the figures with 95% intervals.") { run, splits, model, output, EvalCompareCommand.Create() };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(splits) is { } file)
            {
                using var console = LogSetup.Create(AnsiConsole.Console);
                using var opened = ModelFolder.Open(parsed.GetRequiredValue(run), parsed.GetValue(model));
                return RunReport.Evaluate(opened, RunConfig.Load(file, []).Options, console, parsed.GetValue(output));
            }

            var files = RunFiles.Find(parsed.GetRequiredValue(run));
            using var log = LogSetup.Create(AnsiConsole.Console, files.Log);
            return RunReport.EvaluateAndWrite(files, RunConfig.Load(files.Config, []).Options, log, parsed.GetValue(output));
        });
        return command;
    }
}
