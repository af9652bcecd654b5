using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.Cli.Workers;

/// <summary>What a worker on any machine is told on its command line; null is for the coordinator or the machine to say.</summary>
public sealed record RemoteWorkerOptions(RemoteOptions Connection)
{
    public string? Name { get; init; }

    public string? Address { get; init; }

    public string? Device { get; init; }

    public int? Cores { get; init; }

    /// <summary>True when a node has started it, which it does not outlive.</summary>
    public bool IsManaged { get; init; }
}

/// <summary>The two ways in which a worker process comes to be.</summary>
public static class WorkerLaunches
{
    /// <summary>A worker of a run whose directory this machine has, started by the run's node, which it does not outlive.</summary>
    public static async Task<int> RunLocalAsync(string runDirectory)
    {
        using var watch = ParentWatch.Start();
        var workerId =
            Environment.GetEnvironmentVariable(WorkerLaunch.WorkerVariable)
            ?? throw new UsageException(
                $"`cliptrain worker RUN` is how a run starts its own workers, with {WorkerLaunch.WorkerVariable} set. Start one by hand "
                    + "with --coordinator HOST:PORT."
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

    private static int? StartOfNode() =>
        int.TryParse(
            Environment.GetEnvironmentVariable(WorkerLaunch.StartVariable),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var start
        )
            ? start
            : null;

    /// <summary>A worker that finds its run by the coordinator's address.</summary>
    /// <exception cref="CorpusException">This machine has another corpus than the run.</exception>
    public static async Task<int> RunRemoteAsync(RemoteWorkerOptions worker)
    {
        using var watch = worker.IsManaged ? ParentWatch.Start() : null;
        await using var connection = await RunConnection.ToRemoteAsync(worker.Connection);
        var offer = await connection.FilesAsync();
        var options = RunConfig
            .Parse($"{worker.Connection.Coordinator} config of {connection.RunId}", Encoding.UTF8.GetString(offer.Config))
            .Options;
        var manifest = RunCorpus.Continue(
            options.Data,
            CorpusManifest.Parse(offer.Manifest),
            difference => $"This machine's corpus is not the run's: {difference}. Give every worker the same files."
        );
        var device =
            worker.Device
            ?? (
                options.Cluster.Device == "cpu"
                    ? "cpu"
                    : throw new UsageException("The run computes on CUDA devices: say which one this worker takes, as in --device cuda:0.")
            );
        var workerId =
            worker.Name
            ?? $"{Dns.GetHostName()}-{(device == "cpu" ? Environment.ProcessId.ToString(CultureInfo.InvariantCulture) : device.Replace(":", "", StringComparison.Ordinal))}";
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

    /// <summary>The address of the interface that the system would use to reach the coordinator. Nothing is sent.</summary>
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
            throw new UsageException(
                $"This machine has no way to {target.Host}: {error.Message}. Name this machine's address with --address."
            );
        }
    }
}
