using System.CommandLine;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.Trainer.Cli;

/// <summary>
/// <c>cliptrain worker --coordinator URL …</c>: one worker on any node. <c>cliptrain worker RUN</c> is how
/// <c>cliptrain train</c> starts its own, which get their identity by environment variables.
/// </summary>
public static class WorkerCommand
{
    public static Command Create()
    {
        var directory = new Argument<string?>("RUN") { Description = "Run directory, given by `cliptrain train` to the workers that it starts.", Arity = ArgumentArity.ZeroOrOne, Hidden = true };
        var coordinator = new Option<Uri?>("--coordinator")
        {
            Description = "Address of the coordinator, as in http://node1:7700.",
            CustomParser = given => Uri.TryCreate(given.Tokens[0].Value, UriKind.Absolute, out var uri) && (uri.Scheme is "http" or "https") ? uri
                : throw new UsageException($"--coordinator must be an address, as in http://node1:7700, not '{given.Tokens[0].Value}'."),
        };
        var (token, tokenFile) = (TokenOption(), TokenFileOption());
        var run = new Option<string?>("--run") { Description = "Name of the run, where the coordinator hosts several." };
        var name = new Option<string?>("--name") { Description = "This worker's name; by default made of the host's and the device's or process'." };
        var address = new Option<string?>("--address") { Description = "Address of this machine at which the other workers reach it; by default that of the interface towards the coordinator." };
        var device = new Option<string?>("--device") { Description = "cpu, or cuda:N." };
        var cores = new Option<int?>("--cores") { Description = "Cores that this worker may use; by default all that the process may." };
        var ca = new Option<string?>("--ca") { Description = "PEM certificate to trust, for a coordinator with one of its own." };
        var command = new Command("worker", "Join a run as a worker.") { directory, coordinator, token, tokenFile, run, name, address, device, cores, ca };
        command.SetAction(parsed => (parsed.GetValue(directory), parsed.GetValue(coordinator)) switch
        {
            ({ } local, null) => WorkerLaunches.RunLocalAsync(local),
            (null, { } url) => WorkerLaunches.RunRemoteAsync(new RemoteWorkerOptions(url, AccessToken.Find(parsed.GetValue(token), parsed.GetValue(tokenFile)))
            {
                Run = parsed.GetValue(run),
                Name = parsed.GetValue(name),
                Address = parsed.GetValue(address),
                Device = parsed.GetValue(device),
                Cores = parsed.GetValue(cores),
                TrustedCertificate = parsed.GetValue(ca),
            }),
            _ => throw new UsageException("cliptrain worker needs --coordinator URL, as in --coordinator http://node1:7700."),
        });
        return command;
    }

    internal static Option<string?> TokenOption() => new("--token") { Description = "The run's token. Others see a command line: prefer --token-file, or the variable CLIPTRAIN_TOKEN." };

    internal static Option<string?> TokenFileOption() => new("--token-file") { Description = "File with the run's token." };
}
