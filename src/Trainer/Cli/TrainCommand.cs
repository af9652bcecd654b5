using System.CommandLine;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain train CONFIG [--set a.b=c]…</c></summary>
public static class TrainCommand
{
    public static Command Create()
    {
        var config = new Argument<string>("CONFIG") { Description = "YAML file of the run, such as configs/quickstart.yaml." };
        var sets = SetOption();
        var command = new Command("train", "Train a model as a run file says, then evaluate it.") { config, sets };
        command.SetAction(parsed => RunSession.Create(RunConfig.Load(parsed.GetRequiredValue(config), parsed.GetRequiredValue(sets)).Options).RunAsync());
        return command;
    }

    internal static Option<string[]> SetOption() => new("--set")
    {
        Description = "Set a key of the run file, as in training.steps=1000. May be given several times.",
        DefaultValueFactory = _ => [],
    };
}
