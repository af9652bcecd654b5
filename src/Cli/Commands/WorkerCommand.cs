using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Workers;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Worker;

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
                ({ } local, false) => RunLocalAsync(local),
                (null, true) => RunRemoteAsync(
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

    /// <summary>
    /// Runs a worker started by the local node of a run on this machine. It exits when the node does. Returns the exit
    /// code.
    /// </summary>
    private static async Task<int> RunLocalAsync(string runDirectory)
    {
        using var watch = ParentWatch.Start();
        var workerId =
            Environment.GetEnvironmentVariable(WorkerLaunch.WorkerVariable)
            ?? throw new UsageException(
                $"`cliptrain worker RUN` is reserved for nodes, which set {WorkerLaunch.WorkerVariable}. To start a worker by hand, give "
                    + "--coordinator HOST:PORT."
            );
        var files = new RunFiles(runDirectory);
        var options = RunConfig.Load(files.Config, []).Options;
        var device = options.Cluster.Device == "cpu" ? "cpu" : $"cuda:{WorkerIds.SlotOf(workerId)}";
        var identity = new WorkerIdentity(workerId, IPAddress.Loopback.ToString(), device, RunPlan.CoresOfLocalWorker(options.Cluster))
        {
            Start = StartOfNode(),
        };
        await using var connection = await RunConnection.ToLocalAsync(files, waits: true);
        return await new WorkerProgram(files, options, CorpusManifest.Load(files.Manifest), identity, connection).RunAsync();
    }

    /// <summary>Runs a worker that joins through the coordinator's address. Returns the exit code.</summary>
    /// <exception cref="CorpusException">This machine's corpus differs from the run's.</exception>
    private static async Task<int> RunRemoteAsync(RemoteWorkerOptions worker)
    {
        using var watch = worker.IsManaged ? ParentWatch.Start() : null;
        await using var connection = await RunConnection.ToRemoteAsync(worker.Connection);
        var offer = await connection.FilesAsync();
        var options = RunConfig
            .Parse($"{worker.Connection.Coordinator} config of {connection.RunId}", Encoding.UTF8.GetString(offer.Config))
            .Options;
        var manifest = RunCorpus.Continue(
            options,
            CorpusManifest.Parse(offer.Manifest),
            difference => $"This machine's corpus differs from the run's: {difference}. Give every worker the same files."
        );
        var device =
            worker.Device
            ?? (
                options.Cluster.Device == "cpu"
                    ? "cpu"
                    : throw new UsageException("The run uses CUDA devices: choose one for this worker, e.g. --device cuda:0.")
            );
        var workerId =
            worker.Name
            ?? $"{Dns.GetHostName()}-"
                + (
                    device == "cpu"
                        ? Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
                        : device.Replace(":", "", StringComparison.Ordinal)
                );
        var identity = new WorkerIdentity(
            workerId,
            worker.Address ?? AddressTowards(worker.Connection.Coordinator),
            device,
            worker.Cores ?? Environment.ProcessorCount
        )
        {
            Start = worker.IsManaged ? StartOfNode() : null,
        };
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        return await new WorkerProgram(files, options, manifest, identity, connection).RunAsync();
    }

    private static int? StartOfNode() =>
        int.TryParse(
            Environment.GetEnvironmentVariable(WorkerLaunch.StartVariable),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var start
        )
            ? start
            : null;

    /// <summary>Address of the interface that routes to the coordinator. Sends nothing.</summary>
    private static string AddressTowards(string coordinator)
    {
        var target = new Uri($"tcp://{coordinator.Split(',')[0].Trim()}");
        try
        {
            using var socket = new Socket(SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(target.DnsSafeHost, target.Port);
            var address = ((IPEndPoint)socket.LocalEndPoint!).Address;
            return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
        }
        catch (SocketException error)
        {
            throw new UsageException($"No route to {target.Host}: {error.Message}. Give this machine's address with --address.");
        }
    }

    /// <summary>Command-line options of a worker on any machine. Null leaves the choice to the coordinator or the machine.</summary>
    private sealed record RemoteWorkerOptions(RemoteOptions Connection)
    {
        public string? Name { get; init; }

        public string? Address { get; init; }

        public string? Device { get; init; }

        public int? Cores { get; init; }

        /// <summary>True if a node started the worker, which then exits when the node does.</summary>
        public bool IsManaged { get; init; }
    }
}
