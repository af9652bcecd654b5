using System.CommandLine;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Telemetry;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain eval RUN</c>: measures a run's newest checkpoint again and rewrites its summary.</summary>
public static class EvalCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "The run's directory." };
        var command = new Command("eval", "Evaluate a run's newest checkpoint and print its summary.") { run };
        command.SetAction(parsed =>
        {
            var files = new RunFiles(parsed.GetRequiredValue(run));
            if (!File.Exists(files.Config))
                throw new UsageException($"{files.Directory} is not a run: it has no config.yaml.");
            return RunReport.EvaluateAndWrite(files, RunConfig.Load(files.Config, []).Options, LogSetup.Create(files.Log));
        });
        return command;
    }
}
