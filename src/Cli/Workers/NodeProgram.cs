using System.Globalization;
using System.Runtime.InteropServices;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Workers;

/// <summary>Command-line options of a node on another machine. Null leaves the choice to the program.</summary>
public sealed record RemoteNodeOptions(RemoteOptions Connection)
{
    public string? Name { get; init; }

    /// <summary>Maximum number of workers of a run; null for one per device in <see cref="Devices"/>, or one.</summary>
    public int? Workers { get; init; }

    /// <summary>Devices for the workers of a run, in order, such as cuda:0; empty on CPUs.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    public string? Address { get; init; }

    /// <summary>Number of cores to offer to a pool; null for all.</summary>
    public int? Cores { get; init; }
}

/// <summary>Node process: starts and supervises the workers of its machine.</summary>
public static class NodeProgram
{
    /// <summary>Time for a finished worker to exit by itself.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan HostPoll = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Runs the node that a coordinator started on its own machine. The node exits when the run ends. Returns the exit code.
    /// </summary>
    /// <param name="runDirectory">The run's directory.</param>
    /// <param name="endsWithParent">True to end with the coordinator's process, which a node of a pool has started: the pool may give
    /// the devices to another trial then. Otherwise the node survives it and serves the next.</param>
    public static async Task<int> RunLocalAsync(string runDirectory, bool endsWithParent)
    {
        using var ignored = new IgnoredSignals();

        // Not disposed: the input may end after this method.
        var leave = new CancellationTokenSource();
        if (endsWithParent)
        {
            ParentWatch.OnEnd(Console.OpenStandardInput(), leave.Cancel);
        }

        var files = new RunFiles(runDirectory);
        var cluster = RunConfig.Load(files.Config, []).Options.Cluster;
        using var @lock = RunLock.Acquire(files.NodeLock, TimeProvider.System);
        await using var connection = await RunConnection.ToLocalAsync(files, waits: true);
        var threads = RunPlan.ComputeThreads(cluster, RunPlan.CoresOfLocalWorker(cluster));
        var options = new NodeOptions(
            Node.Local,
            cluster.Workers,
            start => Launch(["worker", runDirectory], start, threads, connection.Token),
            Grace
        );
        var patience = TimeSpan.FromSeconds(cluster.CoordinatorTimeoutSeconds);
        try
        {
            var agent = new NodeAgent(connection.Client(workerId: "", patience), options, TimeProvider.System);
            return Failure.ExitCodeOf(await agent.RunAsync(leave.Token));
        }
        catch (OperationCanceledException) when (leave.IsCancellationRequested)
        {
            return ExitCodes.Terminated;
        }
    }

    /// <summary>
    /// Runs a node that joins a run through its coordinator's address. Ctrl-C and SIGTERM stop its workers and leave
    /// the run. Returns the run's exit code.
    /// </summary>
    public static Task<int> RunRemoteAsync(RemoteNodeOptions node) => UntilLeftAsync(leave => ServeAsync(node, leave));

    /// <summary>
    /// Runs this machine's workers of a trial that spans nodes of a pool, until the node that started this process ends it. Returns the
    /// exit code.
    /// </summary>
    /// <param name="runDirectory">The run's directory, on a file system that all nodes share.</param>
    /// <param name="workers">Maximum number of workers.</param>
    /// <param name="node">This node.</param>
    internal static Task<int> RunOfTrialAsync(string runDirectory, int workers, TrialNode node) =>
        UntilLeftAsync(
            async leave =>
            {
                var files = new RunFiles(runDirectory);
                var cluster = RunConfig.Load(files.Config, []).Options.Cluster;
                await using var connection = await RunConnection.ToSharedAsync(files, node.Token, node.Tls);
                var cores = Math.Max(1, Environment.ProcessorCount / workers);
                var threads = RunPlan.ComputeThreads(cluster, cores);
                string[] arguments =
                [
                    "worker",
                    runDirectory,
                    "--address",
                    node.Address,
                    "--cores",
                    cores.ToString(CultureInfo.InvariantCulture),
                    .. node.Tls.Arguments,
                ];
                var options = new NodeOptions(node.Name, workers, start => Launch(arguments, start, threads, connection.Token), Grace);
                var patience = TimeSpan.FromSeconds(cluster.CoordinatorTimeoutSeconds);
                await new NodeAgent(connection.Client(workerId: "", patience), options, TimeProvider.System).RunAsync(leave);

                // Whoever started this process would start it again while the coordinator evaluates. The next coordinator finds another.
                while (RunLock.IsHeld(files.CoordinatorLock))
                {
                    await Task.Delay(HostPoll, leave);
                }

                return ExitCodes.Ok;
            },
            endsWithParent: true
        );

    private static async Task<int> UntilLeftAsync(Func<CancellationToken, Task<int>> serve, bool endsWithParent = false)
    {
        var (signals, exit) = (0, ExitCodes.Terminated);

        // Not disposed: the input may end after this method.
        var leave = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Leave);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Leave);
        if (endsWithParent)
        {
            ParentWatch.OnEnd(Console.OpenStandardInput(), leave.Cancel);
        }

        try
        {
            return await serve(leave.Token);
        }
        catch (OperationCanceledException) when (leave.IsCancellationRequested)
        {
            return exit;
        }

        void Leave(PosixSignalContext context)
        {
            // A second signal ends this process at once, and its children with it.
            context.Cancel = Interlocked.Increment(ref signals) == 1;
            exit = context.Signal == PosixSignal.SIGINT ? ExitCodes.Interrupted : ExitCodes.Terminated;
            leave.Cancel();
        }
    }

    private static async Task<int> ServeAsync(RemoteNodeOptions node, CancellationToken leave)
    {
        await using var cluster = await RemoteCluster.ConnectAsync(node.Connection, leave);
        if (cluster.RunId is not { } run)
        {
            return await PoolNodeProgram.ServeAsync(cluster, node, leave);
        }

        if (node.Cores is not null)
        {
            throw new UsageException("--cores is for a pool, and this coordinator hosts a run: give --workers.");
        }

        var connection = new RunConnection(cluster.Client, run, node.Connection.Token);
        var slots = node.Workers ?? Math.Max(1, node.Devices.Count);
        var cores = Math.Max(1, Environment.ProcessorCount / slots);
        var options = new NodeOptions(
            node.Name ?? Environment.MachineName,
            slots,
            start => Launch(Arguments(node, start, cores), start, cores, connection.Token),
            Grace
        );
        var outcome = await new NodeAgent(
            connection.Client(workerId: "", RemoteCluster.LongPatience),
            options,
            TimeProvider.System
        ).RunAsync(leave);
        var exit = Failure.ExitCodeOf(outcome);
        await (exit == ExitCodes.Ok ? Console.Out : Console.Error).WriteLineAsync($"Run {connection.RunId}: {outcome.Message}");
        return exit;
    }

    private static string[] Arguments(RemoteNodeOptions node, WorkerStart start, int cores)
    {
        string[] Given(string option, string? value) => value is null ? [] : [option, value];
        var device = node.Devices.Count == 0 ? null : node.Devices[start.Slot % node.Devices.Count];
        return
        [
            "worker",
            "--managed",
            "--coordinator",
            node.Connection.Coordinator,
            "--name",
            start.WorkerId,
            "--cores",
            cores.ToString(CultureInfo.InvariantCulture),
            .. Given("--device", device),
            .. Given("--address", node.Address),
            .. node.Connection.Tls.Arguments,
        ];
    }

    private static WorkerLaunch Launch(string[] arguments, WorkerStart start, int threads, string token) =>
        RunProgram.Launch(arguments) with
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["OMP_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture),
                [WorkerLaunch.TokenVariable] = token,
                [WorkerLaunch.WorkerVariable] = start.WorkerId,
                [WorkerLaunch.StartVariable] = start.Number.ToString(CultureInfo.InvariantCulture),
                [WorkerLaunch.SlotVariable] = start.Slot.ToString(CultureInfo.InvariantCulture),
            },
        };
}
