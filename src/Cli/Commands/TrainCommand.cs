using System.CommandLine;
using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain train CONFIG [--set a.b=c]…</c></summary>
public static class TrainCommand
{
    public static Command Create()
    {
        var config = new Argument<string>("CONFIG") { Description = "YAML file of the run, such as configs/quickstart.yaml." };
        var sets = SetOption();
        var endsWithTerminal = EndsWithTerminalOption();
        var opens = new Option<bool>("--open") { Description = "Open the run's live page in the browser." };
        var command = new Command("train", "Train a model as a run file says, then evaluate it.") { config, sets, endsWithTerminal, opens };
        command.SetAction(parsed =>
            HostAsync(
                () => PreparedRun.Create(RunConfig.Load(parsed.GetRequiredValue(config), parsed.GetRequiredValue(sets)).Options),
                parsed.GetValue(endsWithTerminal),
                parsed.GetValue(opens)
            )
        );
        return command;
    }

    /// <summary>Hosts a run whose workers are processes of this machine; returns the exit code.</summary>
    internal static async Task<int> HostAsync(Func<PreparedRun> prepare, bool endsWithTerminal = false, bool opensPage = false)
    {
        using var signals = new StopSignals(endsWithTerminal);
        var run = prepare();
        var port = run.Options.Cluster.Port;
        var hosting = new HostingOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, port),
            FirstPort = port,
            StartsWorkers = true,
            OpensPage = opensPage,
        };
        return await new CoordinatorProcess(run, hosting, signals).RunAsync();
    }

    internal static Option<bool> EndsWithTerminalOption() =>
        new("--end-with-terminal")
        {
            Description =
                "Stop at a checkpoint when the terminal is closed. Without it the run goes on; `cliptrain status` and `stop` reach it.",
        };

    internal static Option<string[]> SetOption() =>
        new("--set")
        {
            Description = "Set a key of the run file, as in training.steps=1000. May be given several times.",
            DefaultValueFactory = _ => [],
        };
}
