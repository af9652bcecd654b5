using System.Globalization;
using System.Net;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.InitialWeights;
using Serilog;
using Serilog.Core;
using Serilog.Extensions.Logging;
using Spectre.Console;

namespace ClipTrain.Cli.Runs;

/// <summary>Options for hosting a run.</summary>
public sealed record HostingOptions
{
    /// <summary>Address to listen on. Addresses other than loopback require <see cref="Token"/>.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 0);

    /// <summary>The run's token. If null on loopback, a token is generated and stored readable by this user only.</summary>
    public string? Token { get; init; }

    /// <summary>File that the token came from, shown in the instructions for joining.</summary>
    public string? TokenFile { get; init; }

    public TlsFiles Tls { get; init; } = new();

    /// <summary>Endpoint for /health, /metrics and optionally the dashboard; null to serve none.</summary>
    public HttpOptions? Http { get; init; }

    /// <summary>True to open the live page in the browser.</summary>
    public bool OpensPage { get; init; }

    /// <summary>Address at which other machines reach this one; null for the listening address or this machine's own.</summary>
    public IPAddress? Advertised { get; init; }

    /// <summary>Port known to workers. One process listens on it, its standby two ports higher; 0 for any free ports.</summary>
    public int FirstPort { get; init; }

    /// <summary>True if this machine's node starts the workers; false if they join over the network.</summary>
    public bool StartsWorkers { get; init; }

    /// <summary>
    /// True if a node of a pool started this process: the pool starts it again, so it has no standby, and it starts no program that the
    /// configuration names.
    /// </summary>
    public bool IsManaged { get; init; }

    /// <summary>The token; on loopback, by default one that is kept in a file.</summary>
    /// <exception cref="CoordinatorStartException">The coordinator listens beyond loopback without a token.</exception>
    public string TokenOr(string file) =>
        Token
        ?? (
            IPAddress.IsLoopback(Listen.Address)
                ? AccessToken.Keep(file)
                : throw new CoordinatorStartException(
                    $"Listening on {Listen.Address}, which other machines can reach, requires a token: give --token-file FILE, or set "
                        + $"{AccessToken.Variable}."
                )
        );
}

/// <summary>
/// A coordinator process: the one started by the user, or its standby. The current host keeps a standby running and,
/// for a local run, this machine's node.
/// </summary>
public sealed class CoordinatorProcess(PreparedRun run, HostingOptions hosting, StopSignals signals)
{
    private static readonly TimeSpan NodeGrace = TimeSpan.FromSeconds(60),
        StartPatience = TimeSpan.FromMinutes(1),
        StatusInterval = TimeSpan.FromSeconds(1),
        StandbyDelay = TimeSpan.FromSeconds(5);

    /// <summary>Ports per process: one for workers and the next one for other coordinators.</summary>
    private const int PortsOfProcess = 2;

    private int _stops;

    /// <summary>Hosts the run from start to end. Returns the exit code.</summary>
    /// <exception cref="CoordinatorStartException">Another coordinator hosts the run, or the port is unavailable.</exception>
    public async Task<int> RunAsync()
    {
        await using var log = OpenLog(AnsiConsole.Console);
        using var @lock = RunLock.Acquire(run.Files.CoordinatorLock, TimeProvider.System);
        var isContinued = !hosting.StartsWorkers || RunLock.IsHeld(run.Files.NodeLock);
        var from = Begin(isContinued, log);
        Tell(from, log);
        var host = new RunHost(run, AnsiConsole.Console, log)
        {
            StopExitCode = () => signals.ExitCode,
            OpensPage = hosting.OpensPage,
            StartsPrograms = !hosting.IsManaged,
        };
        await using var node = Node(host, log);
        await using var standby = Standby(host, log);

        // The node starts while the silo starts.
        node?.Start();
        using var loggers = new SerilogLoggerFactory(log);
        await using var silo = await CoordinatorSilo.StartAsync(Silo("coordinator"), host, loggers, TimeProvider.System);
        var start = new RunStart(run.Spec(ManagedWorkers), from, isContinued);
        await GrainCalls.RepeatAsync(() => silo.Run.StartAsync(start), StartPatience, TimeProvider.System);
        if (!host.Opened.IsCompleted)
        {
            // The standby took the run over from a dead coordinator while this one, which replaces it, started.
            @lock.Dispose();
            host.MayTakeOver = true;
            int? exit;
            await using (FollowLog())
            {
                exit = await EndWithoutTakeoverAsync(silo, host, leavesOnSignal: true);
            }

            return exit ?? await TakeOverAsync(new Parts(silo, host, node, standby), log);
        }

        if (!hosting.StartsWorkers)
        {
            log.Information(
                "Machines join with: cliptrain node --coordinator {Address} --token-file {File:l}",
                silo.Endpoint.Gateway,
                hosting.TokenFile ?? run.Files.Token
            );
        }

        return await ServeAsync(new Parts(silo, host, node, standby));
    }

    /// <summary>
    /// Hosts the run, or stands by if another process of this machine hosts it: after a coordinator is killed, its
    /// standby has taken over by the time a supervisor restarts it. Returns the exit code.
    /// </summary>
    /// <exception cref="CoordinatorStartException">The run already has a host and a standby, or the port is
    /// unavailable.</exception>
    public Task<int> RunOrStandByAsync() => RunLock.IsHeld(run.Files.CoordinatorLock) ? StandByAsync(leavesOnSignal: true) : RunAsync();

    /// <summary>Stands by, takes the run over if its host dies, and exits when the run ends. Returns the exit code.</summary>
    /// <param name="leavesOnSignal">True to exit on a signal. A standby started by a coordinator also receives the
    /// signals of the terminal, and stays until the run has stopped in case its coordinator dies on the way.</param>
    public async Task<int> StandByAsync(bool leavesOnSignal)
    {
        // Nobody reads the output of a standby that a coordinator started.
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null) });
        await using var follower = leavesOnSignal ? FollowLog() : null;
        await using var log = OpenLog(console);
        var host = new RunHost(run, console, log) { StopExitCode = () => signals.ExitCode, MayTakeOver = true };
        await using var node = Node(host, log);
        await using var standby = Standby(host, log);
        using var loggers = new SerilogLoggerFactory(log);
        await using var silo = await CoordinatorSilo.StartAsync(Silo("standby"), host, loggers, TimeProvider.System);
        return await EndWithoutTakeoverAsync(silo, host, leavesOnSignal) ?? await TakeOverAsync(new Parts(silo, host, node, standby), log);
    }

    private async Task<int> TakeOverAsync(Parts parts, ILogger log)
    {
        log.Warning(
            "The coordinator died; process {Process} has taken over the run. `cliptrain status {Run}` shows its state.",
            Environment.ProcessId,
            run.Files.Directory
        );
        using var @lock = await RunLock.WaitAsync(run.Files.CoordinatorLock, TimeProvider.System, parts.Host.Concluded);
        parts.Node?.Start();
        return await ServeAsync(parts);
    }

    private LogFollower FollowLog()
    {
        Console.WriteLine("Another process hosts the run. This one stands by and shows the run's log.");
        return LogFollower.Start(run.Files.Log, Console.Out, TimeProvider.System);
    }

    private Logger OpenLog(IAnsiConsole console) =>
        LogSetup.Create(console, run.Files.Log, jsonFile: run.Options.Output.LogJson ? run.Files.JsonLog : null);

    private async Task<int> ServeAsync(Parts parts)
    {
        var (silo, host, node, standby) = parts;
        host.OnDiverged = (cause, checkpoint) =>
            _ = GrainCalls.RepeatAsync(() => silo.Run.DivergedAsync(cause, checkpoint), StartPatience, TimeProvider.System);
        signals.Attach(by => _ = StopAsync(silo, by, atOnce: Interlocked.Increment(ref _stops) > 1));
        var delay = Task.Delay(StandbyDelay);
        if (await Task.WhenAny(delay, host.Concluded) == delay && !hosting.IsManaged)
        {
            standby.Start();
        }

        var exit = await host.Concluded;
        await Task.WhenAll(standby.EndAsync(TimeSpan.Zero), node?.EndAsync(NodeGrace) ?? Task.CompletedTask);
        return exit;
    }

    private static Task StopAsync(CoordinatorSilo silo, string by, bool atOnce) =>
        GrainCalls.RepeatAsync(() => silo.Run.StopAsync(by, atOnce), TimeSpan.MaxValue, TimeProvider.System);

    /// <summary>
    /// Waits while another process hosts the run. Returns an exit code once the run has ended there or a signal has
    /// arrived; null once this process hosts the run.
    /// </summary>
    private async Task<int?> EndWithoutTakeoverAsync(CoordinatorSilo silo, RunHost host, bool leavesOnSignal)
    {
        // A coordinator whose run has ended sends a signal: query the status immediately.
        var signal = signals.First;
        while (!host.Opened.IsCompleted)
        {
            if (leavesOnSignal && signals.ExitCode != ExitCodes.Ok)
            {
                return signals.ExitCode;
            }

            await Task.WhenAny(host.Opened, Task.Delay(StatusInterval), signal);
            if (signal.IsCompleted)
            {
                signal = new TaskCompletionSource().Task;
            }

            try
            {
                // The call also reactivates a run that has lost its host and perhaps all its workers.
                if (await silo.Run.StatusAsync() is { IsConcluded: true, State: var state })
                {
                    return state is { Phase: RunPhase.Failed } ? ExitCodes.WorkerLost : ExitCodes.Ok;
                }
            }
            catch (Exception error) when (GrainCalls.WasUnanswered(error))
            {
                // The host is gone, but the cluster has not noticed yet.
            }
        }

        return null;
    }

    /// <summary>The process that supervises this machine's workers. It survives this process, unless that is managed.</summary>
    private Companion? Node(RunHost host, ILogger log) =>
        !hosting.StartsWorkers
            ? null
            : new Companion(
                "node",
                RunProgram.Launch(["node", run.Files.Directory, .. hosting.IsManaged ? ["--managed"] : Array.Empty<string>()]),
                () => !host.HasEnded && !RunLock.IsHeld(run.Files.NodeLock),
                line => log.Information("{Line:l}", line.Text),
                TimeProvider.System
            );

    /// <summary>The standby process. It listens on the pair of ports that this process does not use.</summary>
    private Companion Standby(RunHost host, ILogger log)
    {
        var port =
            hosting.Listen.Port == 0 ? 0
            : hosting.Listen.Port == hosting.FirstPort ? hosting.FirstPort + PortsOfProcess
            : hosting.FirstPort;
        var listen = new IPEndPoint(hosting.Listen.Address, port);
        string[] Given(string option, string? value) => value is null ? [] : [option, value];
        string[] arguments =
        [
            "standby",
            run.Files.Directory,
            "--listen",
            listen.ToString(),
            "--first-port",
            hosting.FirstPort.ToString(CultureInfo.InvariantCulture),
            .. Given("--advertise", hosting.Advertised?.ToString()),
            .. hosting.Tls.Arguments,
            .. hosting.StartsWorkers ? ["--starts-workers"] : Array.Empty<string>(),
        ];
        var launch = RunProgram.Launch(arguments) with
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal) { [AccessToken.Variable] = Token },
        };
        return new Companion(
            "standby",
            launch,
            () => !host.HasEnded && Volatile.Read(ref _stops) == 0,
            line => log.Debug("{Line:l}", line.Text),
            TimeProvider.System
        );
    }

    private CoordinatorSiloOptions Silo(string name) =>
        new(
            RunCluster.Of(run.Files, run.Options.Cluster),
            RunCluster.Endpoint(name, hosting),
            RunCluster.Security(Token, hosting.Tls),
            IsOneMachine: IPAddress.IsLoopback(hosting.Listen.Address)
        )
        {
            Http = hosting.Http,
        };

    /// <summary>Nodes of other machines may offer more workers than the run needs to start.</summary>
    private int ManagedWorkers =>
        hosting.StartsWorkers ? run.Options.Cluster.Workers : run.Options.Cluster.MaxWorkers ?? run.Options.Cluster.Workers;

    private string Token => hosting.TokenOr(run.Files.Token);

    /// <summary>Selects the checkpoint to continue from.</summary>
    /// <exception cref="CoordinatorStartException">The user chose a step, but workers are still training from another
    /// one.</exception>
    private CheckpointMark? Begin(bool isContinued, ILogger log)
    {
        if (isContinued && run.WantedStep is { } wanted)
        {
            throw new CoordinatorStartException(
                $"Workers from an earlier start of {run.Files.Directory} are still training, so the run cannot go back to step {wanted}. "
                    + "Resume it without --step, then stop it first."
            );
        }

        if (!isContinued)
        {
            run.Checkpoints.RemoveLeftovers();
        }

        return new RunHistory(run.Files, log).GoOnFrom(run.WantedStep);
    }

    private void Tell(CheckpointMark? from, ILogger log)
    {
        if (run.Manifest.Selection is { } selection)
        {
            log.Information(
                "{Rows} rows in the corpus, {Samples} selected. {Steps:l}.",
                run.Manifest.RowCount,
                run.Manifest.SampleCount,
                string.Join("; ", selection.Steps)
            );
        }

        var workers = Math.Max(run.Options.Cluster.Workers, run.Options.Cluster.MaxWorkers ?? 0);
        if (run.Order.Schedule.LaneCount is var lanes && workers > lanes)
        {
            log.Warning(
                "Each batch is mixed from {RowGroups} row groups, so {Workers} workers read each row group {Times:F1} times. "
                    + "Set data.shuffle_window to {Workers} so that each row group is read once.",
                lanes,
                workers,
                (double)workers / lanes,
                workers
            );
        }

        if (run.PassedOver.Count > 0)
        {
            log.Warning("Steps passed over because the run diverged at them: {Steps:l}.", Rollback.Describe(run.PassedOver));
        }

        if (from is null && File.Exists(run.Files.StartFrom))
        {
            StartReport.Read(run.Files.StartFrom).Log(log);
        }
    }

    /// <summary>What a coordinator process consists of.</summary>
    /// <param name="Silo">Its place in the run's cluster.</param>
    /// <param name="Host">The run's records and progress, while it hosts the run.</param>
    /// <param name="Node">The process that supervises this machine's workers; null without workers of its own.</param>
    /// <param name="Standby">Its standby.</param>
    private sealed record Parts(CoordinatorSilo Silo, RunHost Host, Companion? Node, Companion Standby);
}
