using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Workers;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain worker --coordinator HOST:PORT …</c>: one worker by hand, on any machine. <c>cliptrain worker RUN</c> is how a
/// run's own node starts its workers.
/// </summary>
public static class WorkerCommand
{
    public static Command Create()
    {
        var directory = new Argument<string?>("RUN")
        {
            Description = "Run directory, given by the run's node to the workers that it starts.",
            Arity = ArgumentArity.ZeroOrOne,
            Hidden = true,
        };
        var name = new Option<string?>("--name")
        {
            Description = "This worker's name; by default made of the host's and the device's or process'.",
        };
        var address = new Option<string?>("--address")
        {
            Description =
                "Address of this machine at which the other workers reach it; by default that of the interface towards the coordinator.",
        };
        var device = new Option<string?>("--device") { Description = "cpu, or cuda:N." };
        var cores = new Option<int?>("--cores") { Description = "Cores that this worker may use; by default all that the process may." };
        var managed = new Option<bool>("--managed") { Description = "Started by a node, with which it ends.", Hidden = true };
        var remote = new RemoteArguments();
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
                _ => throw new UsageException("cliptrain worker needs --coordinator HOST:PORT, as in --coordinator node1:7700."),
            }
        );
        return command;
    }
}
