using System.CommandLine;
using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain train CONFIG [--set a.b=c]…</c></summary>
public static class TrainCommand
{
    public static Command Create()
    {
        var config = new Argument<string>("CONFIG") { Description = "Run file (YAML), such as configs/quickstart.yaml." };
        var sets = SetOption();
        var endsWithTerminal = EndsWithTerminalOption();
        var opens = new Option<bool>("--open") { Description = "Open the run's live page in the browser." };
        var command = new Command("train", "Train and evaluate the model of a run file.") { config, sets, endsWithTerminal, opens };
        command.SetAction(parsed =>
            HostAsync(
                () => PreparedRun.Create(RunConfig.Load(parsed.GetRequiredValue(config), parsed.GetRequiredValue(sets)).Options),
                parsed.GetValue(endsWithTerminal),
                parsed.GetValue(opens)
            )
        );
        return command;
    }

    /// <summary>Hosts a run with local worker processes. Returns the exit code.</summary>
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
                "Stop at a checkpoint when the terminal closes. By default the run continues; see `cliptrain status` and `cliptrain stop`.",
        };

    internal static Option<string[]> SetOption() =>
        new("--set")
        {
            Description = "Override a key of the run file, e.g. training.steps=1000. Repeatable.",
            DefaultValueFactory = _ => [],
        };
}
