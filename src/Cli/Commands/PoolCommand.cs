using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain pool [--listen ADDRESS:PORT] …</c>: hosts a pool of machines that sweeps share.</summary>
public static class PoolCommand
{
    public static Command Create()
    {
        var directory = new Option<string>("--directory")
        {
            Description = "Folder of the pool's state. Processes that share it stand by for each other.",
            DefaultValueFactory = _ => "pool",
        };
        var hosting = new HostingArguments(isOfRun: false);
        var command = new Command("pool", "Host a pool: machines join it as nodes, and sweeps run their trials on them.") { directory };
        hosting.AddTo(command);
        command.SetAction(async parsed =>
        {
            using var signals = new StopSignals();
            return await new PoolProcess(parsed.GetRequiredValue(directory), hosting.Of(parsed), signals).RunAsync();
        });
        return command;
    }
}
