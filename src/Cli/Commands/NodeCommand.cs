using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Workers;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain node --coordinator HOST:PORT …</c>: runs this machine's workers of a run, or trials of a pool. Coordinators start their local node as
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
            Description = "Device for a worker, or GPU to offer to a pool instead of cores, e.g. cuda:0. Repeatable.",
            DefaultValueFactory = _ => [],
        };
        var name = new Option<string?>("--name") { Description = "Node name in the run. Default: the host name." };
        var address = new Option<string?>("--address")
        {
            Description =
                "Address at which other workers reach this machine. Default: the address of the interface facing the coordinator.",
        };
        var cores = new Option<int?>("--cores") { Description = "Number of cores to offer to a pool. Default: all." };
        var managed = new Option<bool>("--managed")
        {
            Description = "Started for a pool; ends with the process that started it.",
            Hidden = true,
        };
        var remote = new RemoteArguments(waits: true, of: "run or pool");
        var command = new Command("node", "Run this machine's workers of a run, or trials of a pool.")
        {
            directory,
            workers,
            devices,
            name,
            address,
            cores,
            managed,
        };
        remote.AddTo(command);
        command.SetAction(parsed =>
            parsed.GetValue(directory) is { } run && !remote.IsGiven(parsed)
                ? parsed.GetValue(managed) && parsed.GetValue(workers) is { } count
                    ? NodeProgram.RunOfTrialAsync(
                        run,
                        count,
                        new TrialNode(
                            parsed.GetRequiredValue(name)!,
                            parsed.GetRequiredValue(address)!,
                            remote.Token(parsed),
                            remote.Tls(parsed)
                        )
                    )
                    : NodeProgram.RunLocalAsync(run, endsWithParent: parsed.GetValue(managed))
                : NodeProgram.RunRemoteAsync(
                    new RemoteNodeOptions(remote.Of(parsed))
                    {
                        Name = parsed.GetValue(name),
                        Workers = AtLeastOne(parsed.GetValue(workers)),
                        Devices = parsed.GetRequiredValue(devices),
                        Address = OwnAddress.Given(parsed.GetValue(address)),
                        Cores = TrialDevices.Available(parsed.GetValue(cores)),
                    }
                )
        );
        return command;
    }

    private static int? AtLeastOne(int? workers) =>
        workers is null or >= 1 ? workers : throw new UsageException($"--workers is {workers}; it must be at least 1");
}
