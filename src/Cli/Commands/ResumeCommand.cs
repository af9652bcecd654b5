using System.CommandLine;
using ClipTrain.Cli.Runs;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain resume RUN [--step N]</c></summary>
public static class ResumeCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "Run directory, or its name under runs/." };
        var step = new Option<long?>("--step") { Description = "Step of the checkpoint to resume from. Default: the newest." };
        var endsWithTerminal = TrainCommand.EndsWithTerminalOption();
        var managed = TrainCommand.ManagedOption();
        var command = new Command("resume", "Resume a run from a checkpoint.") { run, step, endsWithTerminal, managed };
        command.SetAction(parsed =>
            TrainCommand.HostAsync(
                () => PreparedRun.Resume(parsed.GetRequiredValue(run), parsed.GetValue(step)),
                new HostArguments(parsed.GetValue(endsWithTerminal), parsed.GetValue(managed))
            )
        );
        return command;
    }
}
