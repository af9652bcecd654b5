using System.Net;
using System.Net.Sockets;
using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Worker;

/// <summary>What a worker on any node is told on its command line; null is for the coordinator or the machine to say.</summary>
public sealed record RemoteWorkerOptions(Uri Coordinator, string? Token)
{
    public string? Run { get; init; }

    public string? Name { get; init; }

    public string? Address { get; init; }

    public string? Device { get; init; }

    public int? Cores { get; init; }

    /// <summary>Path of a PEM certificate.</summary>
    public string? TrustedCertificate { get; init; }
}

/// <summary>The two ways in which a worker process comes to be.</summary>
public static class WorkerLaunches
{
    /// <summary>A worker that `cliptrain train` has started: the coordinator is its parent, whom it does not outlive.</summary>
    public static async Task<int> RunLocalAsync(string runDirectory)
    {
        using var watch = ParentWatch.Start();
        var connection = WorkerEnvironment.Read();
        var files = new RunFiles(runDirectory);
        var options = RunConfig.Load(files.Config, []).Options;
        var device = options.Cluster.Device == "cpu" ? "cpu" : $"cuda:{WorkerIds.SlotOf(connection.WorkerId)}";
        var identity = new WorkerIdentity(connection, IPAddress.Loopback.ToString(), device, RunPlan.CoresOfLocalWorker(options.Cluster));
        return await new WorkerProgram(files, options, CorpusManifest.Load(files.Manifest), identity).RunAsync();
    }

    /// <summary>A worker that finds its run by the coordinator's address.</summary>
    /// <exception cref="CorpusException">This machine has another corpus than the run.</exception>
    public static async Task<int> RunRemoteAsync(RemoteWorkerOptions worker)
    {
        if (worker.Token is null)
            throw new UsageException($"The worker needs the run's token: give --token-file FILE, or set {WorkerEnvironment.TokenVariable}.");
        var connection = new WorkerEnvironment(worker.Coordinator, worker.Token, worker.Run ?? "", worker.Name ?? "") { TrustedCertificate = worker.TrustedCertificate };
        RunOptions options;
        CorpusManifest manifest;
        using (var lobby = new CoordinatorClient(connection, TimeProvider.System))
        {
            connection = connection with { RunId = worker.Run ?? await OnlyRunAsync(lobby) };
        }

        using (var client = new CoordinatorClient(connection, TimeProvider.System))
        {
            options = RunConfig.Parse($"{worker.Coordinator} config of {connection.RunId}", Encoding.UTF8.GetString(await client.ConfigAsync())).Options;
            manifest = RunCorpus.Continue(
                options.Data, CorpusManifest.Parse(await client.ManifestAsync()), difference => $"This machine's corpus is not the run's: {difference}. Give every worker the same files.");
        }

        var device = worker.Device ?? (options.Cluster.Device == "cpu" ? "cpu"
            : throw new UsageException("The run computes on CUDA devices: say which one this worker takes, as in --device cuda:0."));
        connection = connection with { WorkerId = worker.Name ?? $"{Dns.GetHostName()}-{(device == "cpu" ? $"{Environment.ProcessId}" : device.Replace(":", "", StringComparison.Ordinal))}" };
        var identity = new WorkerIdentity(connection, worker.Address ?? AddressTowards(worker.Coordinator), device, worker.Cores ?? Environment.ProcessorCount);
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        return await new WorkerProgram(files, options, manifest, identity).RunAsync();
    }

    private static async Task<string> OnlyRunAsync(CoordinatorClient client)
    {
        var runs = await client.RunsAsync();
        return runs.Count == 1 ? runs[0] : throw new UsageException(runs.Count == 0
            ? "The coordinator hosts no run."
            : $"The coordinator hosts several runs; choose one with --run: {string.Join(", ", runs)}.");
    }

    /// <summary>The address of the interface that the system would use to reach the coordinator. Nothing is sent.</summary>
    private static string AddressTowards(Uri coordinator)
    {
        try
        {
            using var socket = new Socket(SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(coordinator.DnsSafeHost, coordinator.Port);
            var address = ((IPEndPoint)socket.LocalEndPoint!).Address;
            return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
        }
        catch (SocketException error)
        {
            throw new UsageException($"This machine has no way to {coordinator.Host}: {error.Message}. Name this machine's address with --address.");
        }
    }
}
