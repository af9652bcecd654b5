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
        var managed = ManagedOption();
        var command = new Command("train", "Train and evaluate the model of a run file.")
        {
            config,
            sets,
            endsWithTerminal,
            opens,
            managed,
        };
        command.SetAction(parsed =>
            HostAsync(
                () => PreparedRun.Create(RunConfig.Load(parsed.GetRequiredValue(config), parsed.GetRequiredValue(sets)).Options),
                new HostArguments(parsed.GetValue(endsWithTerminal), parsed.GetValue(managed), parsed.GetValue(opens))
            )
        );
        return command;
    }

    /// <summary>Hosts a run with local worker processes. Returns the exit code.</summary>
    internal static async Task<int> HostAsync(Func<PreparedRun> prepare, HostArguments arguments)
    {
        using var signals = new StopSignals(arguments.EndsWithTerminal);
        if (arguments.IsManaged)
        {
            signals.EndWithParent();
        }

        var run = prepare();
        var port = run.Options.Cluster.Port;
        var hosting = new HostingOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, port),
            FirstPort = port,
            StartsWorkers = true,
            OpensPage = arguments.OpensPage,
            IsManaged = arguments.IsManaged,
        };
        return await new CoordinatorProcess(run, hosting, signals).RunAsync();
    }

    internal static Option<bool> EndsWithTerminalOption() =>
        new("--end-with-terminal")
        {
            Description =
                "Stop at a checkpoint when the terminal closes. By default the run continues; see `cliptrain status` and `cliptrain stop`.",
        };

    internal static Option<bool> ManagedOption() =>
        new("--managed") { Description = "Started by a node; stops at a checkpoint when the node ends.", Hidden = true };

    internal static Option<string[]> SetOption() =>
        new("--set")
        {
            Description = "Override a key of the run file, e.g. training.steps=1000. Repeatable.",
            DefaultValueFactory = _ => [],
        };
}

/// <summary>Command-line options for hosting a run on this machine.</summary>
/// <param name="EndsWithTerminal">True to stop when the terminal closes.</param>
/// <param name="IsManaged">True to stop when the node that started this process ends.</param>
/// <param name="OpensPage">True to open the live page in the browser.</param>
internal sealed record HostArguments(bool EndsWithTerminal = false, bool IsManaged = false, bool OpensPage = false);
