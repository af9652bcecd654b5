using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Workers;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain node --coordinator HOST:PORT …</c>: this machine's workers. <c>cliptrain node RUN</c> is how a coordinator
/// starts the node of its own machine.
/// </summary>
public static class NodeCommand
{
    public static Command Create()
    {
        var directory = new Argument<string?>("RUN")
        {
            Description = "Run directory, given by the coordinator to the node that it starts.",
            Arity = ArgumentArity.ZeroOrOne,
            Hidden = true,
        };
        var workers = new Option<int?>("--workers")
        {
            Description = "Workers that this machine runs at most; by default one on each device, else one.",
        };
        var devices = new Option<string[]>("--device")
        {
            Description = "A device for a worker, as in cuda:0. May be given several times.",
            DefaultValueFactory = _ => [],
        };
        var name = new Option<string?>("--name") { Description = "This machine's name in the run; by default its own." };
        var address = new Option<string?>("--address")
        {
            Description =
                "Address of this machine at which the other workers reach it; by default that of the interface towards the coordinator.",
        };
        var remote = new RemoteArguments();
        var command = new Command("node", "Start, end and watch the workers of this machine.")
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
        workers is null or >= 1 ? workers : throw new UsageException($"--workers is {workers}; give 1 or more");
}
