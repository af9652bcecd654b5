using System.CommandLine;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Telemetry;
using Spectre.Console;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain eval RUN</c>: measures a run's newest checkpoint again and rewrites its summary.</summary>
public static class EvalCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "The run's directory, or its name under runs/." };
        var command = new Command("eval", "Evaluate a run's newest checkpoint and print its summary.") { run };
        command.SetAction(parsed =>
        {
            var files = RunFiles.Find(parsed.GetRequiredValue(run));
            using var log = LogSetup.Create(AnsiConsole.Console, files.Log);
            return RunReport.EvaluateAndWrite(files, RunConfig.Load(files.Config, []).Options, log);
        });
        return command;
    }
}
