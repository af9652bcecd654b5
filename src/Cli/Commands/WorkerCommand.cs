using System.CommandLine;
using ClipTrain.Cli.Workers;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain worker --coordinator HOST:PORT …</c>: starts one worker by hand, on any machine. Nodes start their
/// workers as <c>cliptrain worker RUN</c>.
/// </summary>
public static class WorkerCommand
{
    public static Command Create()
    {
        var directory = new Argument<string?>("RUN")
        {
            Description = "Run directory, for workers that a node starts.",
            Arity = ArgumentArity.ZeroOrOne,
            Hidden = true,
        };
        var name = new Option<string?>("--name")
        {
            Description = "Worker name. Default: host name and device, or host name and process id.",
        };
        var address = new Option<string?>("--address")
        {
            Description =
                "Address at which other workers reach this machine. Default: the address of the interface facing the coordinator.",
        };
        var device = new Option<string?>("--device") { Description = "cpu, or cuda:N." };
        var cores = new Option<int?>("--cores") { Description = "Number of cores for this worker. Default: all available cores." };
        var managed = new Option<bool>("--managed") { Description = "Started by a node; exits when the node does.", Hidden = true };
        var remote = new RemoteArguments(waits: true);
        var command = new Command("worker", "Join a run as a worker.") { directory, name, address, device, cores, managed };
        remote.AddTo(command);
        command.SetAction(parsed =>
            (parsed.GetValue(directory), remote.IsGiven(parsed)) switch
            {
                ({ } local, false) => WorkerLaunches.RunLocalAsync(local),
                (null, true) => WorkerLaunches.RunRemoteAsync(
                    new RemoteWorkerOptions(remote.Of(parsed))
                    {
                        Name = parsed.GetValue(name),
                        Address = parsed.GetValue(address),
                        Device = parsed.GetValue(device),
                        Cores = parsed.GetValue(cores),
                        IsManaged = parsed.GetValue(managed),
                    }
                ),
                _ => throw new UsageException("cliptrain worker needs --coordinator HOST:PORT, e.g. --coordinator node1:7700."),
            }
        );
        return command;
    }
}
