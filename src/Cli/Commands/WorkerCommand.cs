using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Workers;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
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
                ({ } local, false) => RunInFolderAsync(local, OfTrial(parsed)),
                (null, true) => RunRemoteAsync(
                    new RemoteWorkerOptions(remote.Of(parsed))
                    {
                        Name = parsed.GetValue(name),
                        Address = OwnAddress.Given(parsed.GetValue(address)),
                        Device = parsed.GetValue(device),
                        Cores = parsed.GetValue(cores),
                        IsManaged = parsed.GetValue(managed),
                    }
                ),
                _ => throw new UsageException("cliptrain worker needs --coordinator HOST:PORT, e.g. --coordinator node1:7700."),
            }
        );
        return command;

        TrialWorkerOptions? OfTrial(ParseResult parsed) =>
            parsed.GetValue(address) is { } reachable
                ? new TrialWorkerOptions(reachable, parsed.GetRequiredValue(cores)!.Value, remote.Token(parsed), remote.Tls(parsed))
                : null;
    }

    /// <summary>Runs a worker that a node with access to the run directory started. It exits when the node does.</summary>
    /// <param name="runDirectory">The run directory.</param>
    /// <param name="ofTrial">Options of a trial that spans nodes; null for a run on this machine.</param>
    /// <returns>The exit code.</returns>
    private static async Task<int> RunInFolderAsync(string runDirectory, TrialWorkerOptions? ofTrial)
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
        var device = options.Cluster.Device == "cpu" ? "cpu" : $"cuda:{OfNode(WorkerLaunch.SlotVariable)}";
        var identity = new WorkerIdentity(
            workerId,
            ofTrial?.Address ?? IPAddress.Loopback.ToString(),
            device,
            ofTrial?.Cores ?? RunPlan.CoresOfLocalWorker(options.Cluster)
        )
        {
            Start = OfNode(WorkerLaunch.StartVariable),
        };
        var manifest = CorpusManifest.Load(files.Manifest);
        await using var connection = ofTrial is null
            ? await RunConnection.ToLocalAsync(files, waits: true)
            : await RunConnection.ToSharedAsync(files, ofTrial.Token, ofTrial.Tls);
        return await new WorkerProgram(
            files,
            options,
            ofTrial is null ? manifest : SameCorpus(options, manifest),
            identity,
            connection
        ).RunAsync();
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
        var manifest = SameCorpus(options, CorpusManifest.Parse(offer.Manifest));
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
            worker.Address ?? OwnAddress.Towards(worker.Connection.Coordinator),
            device,
            worker.Cores ?? Environment.ProcessorCount
        )
        {
            Start = worker.IsManaged ? OfNode(WorkerLaunch.StartVariable) : null,
        };
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        return await new WorkerProgram(files, options, manifest, identity, connection).RunAsync();
    }

    /// <exception cref="CorpusException">This machine's corpus differs from the run's.</exception>
    private static CorpusManifest SameCorpus(RunOptions options, CorpusManifest manifest) =>
        RunCorpus.Continue(
            options,
            manifest,
            difference => $"This machine's corpus differs from the run's: {difference}. Give every worker the same files."
        );

    /// <summary>A number that the node has set; null if none started this process.</summary>
    private static int? OfNode(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>Options of a worker of a trial that spans nodes.</summary>
    /// <param name="Address">Where other workers reach this machine.</param>
    /// <param name="Cores">Number of its cores.</param>
    /// <param name="Token">The run's token.</param>
    /// <param name="Tls">Files for mutual TLS.</param>
    private sealed record TrialWorkerOptions(string Address, int Cores, string Token, TlsFiles Tls);

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
