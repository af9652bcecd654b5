using System.CommandLine;
using ClipTrain.Cli.Workers;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain node --coordinator HOST:PORT …</c>: runs this machine's workers. Coordinators start their local node as
/// <c>cliptrain node RUN</c>.
/// </summary>
public static class NodeCommand
{
    public static Command Create()
    {
        var directory = new Argument<string?>("RUN")
        {
            Description = "Run directory, for nodes that a coordinator starts.",
            Arity = ArgumentArity.ZeroOrOne,
            Hidden = true,
        };
        var workers = new Option<int?>("--workers")
        {
            Description = "Maximum number of workers on this machine. Default: one per device, or one.",
        };
        var devices = new Option<string[]>("--device")
        {
            Description = "Device for a worker, e.g. cuda:0. Repeatable.",
            DefaultValueFactory = _ => [],
        };
        var name = new Option<string?>("--name") { Description = "Node name in the run. Default: the host name." };
        var address = new Option<string?>("--address")
        {
            Description =
                "Address at which other workers reach this machine. Default: the address of the interface facing the coordinator.",
        };
        var remote = new RemoteArguments(waits: true);
        var command = new Command("node", "Start and supervise the workers of this machine.")
        {
            directory,
            workers,
            devices,
            name,
            address,
        };
        remote.AddTo(command);
        command.SetAction(parsed =>
            parsed.GetValue(directory) is { } local && !remote.IsGiven(parsed)
                ? NodeProgram.RunLocalAsync(local)
                : NodeProgram.RunRemoteAsync(
                    new RemoteNodeOptions(
                        remote.Of(parsed),
                        parsed.GetValue(name),
                        AtLeastOne(parsed.GetValue(workers)),
                        parsed.GetRequiredValue(devices),
                        parsed.GetValue(address)
                    )
                )
        );
        return command;
    }

    private static int? AtLeastOne(int? workers) =>
        workers is null or >= 1 ? workers : throw new UsageException($"--workers is {workers}; it must be at least 1");
}
