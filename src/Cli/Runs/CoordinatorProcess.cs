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
using Serilog.Extensions.Logging;
using Spectre.Console;

namespace ClipTrain.Cli.Runs;

/// <summary>How a run is hosted.</summary>
public sealed record HostingOptions
{
    /// <summary>The address to listen on. Another than loopback needs a token of the user's own.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 0);

    /// <summary>Null on loopback: one is made, readable by this user alone.</summary>
    public string? Token { get; init; }

    /// <summary>The file that the token was read from, for the line that tells how workers join.</summary>
    public string? TokenFile { get; init; }

    public TlsFiles Tls { get; init; } = new();

    /// <summary>Where /health and /metrics are served, and the dashboard when asked for; null for nowhere.</summary>
    public HttpOptions? Http { get; init; }

    /// <summary>True to open the live page in the browser.</summary>
    public bool OpensPage { get; init; }

    /// <summary>Address at which other machines reach this one; null for the one that is listened on, or this machine's own.</summary>
    public IPAddress? Advertised { get; init; }

    /// <summary>The port that workers were told. A process listens there, its standby two ports on; 0 with free ports.</summary>
    public int FirstPort { get; init; }

    /// <summary>True when this machine's node starts the workers; false when they come by themselves.</summary>
    public bool StartsWorkers { get; init; }
}

/// <summary>A coordinator's process: the one that a user starts, or its standby. Whoever hosts the run sees to it that a standby and, where the run has its workers started, this machine's node are there.</summary>
public sealed class CoordinatorProcess(PreparedRun run, HostingOptions hosting, StopSignals signals)
{
    private static readonly TimeSpan NodeGrace = TimeSpan.FromSeconds(60),
        StartPatience = TimeSpan.FromMinutes(1),
        StatusInterval = TimeSpan.FromSeconds(1),
        StandbyDelay = TimeSpan.FromSeconds(5);

    /// <summary>A process takes its port for workers and the one behind it for other coordinators.</summary>
    private const int PortsOfProcess = 2;

    private int _stops;

    /// <summary>Hosts the run from its start to its end; returns the exit code.</summary>
    /// <exception cref="CoordinatorStartException">Another coordinator has the run, or this one cannot listen.</exception>
    public async Task<int> RunAsync()
    {
        await using var log = LogSetup.Create(AnsiConsole.Console, run.Files.Log);
        using var @lock = RunLock.Acquire(run.Files.CoordinatorLock, TimeProvider.System);
        var isContinued = !hosting.StartsWorkers || RunLock.IsHeld(run.Files.NodeLock);
        var from = Begin(isContinued, log);
        Tell(from, log);
        var host = new RunHost(run, AnsiConsole.Console, log, isStandby: false)
        {
            StopExitCode = () => signals.ExitCode,
            OpensPage = hosting.OpensPage,
        };
        await using var node = Node(host, log);
        await using var standby = Standby(host, log);

        // The node's process starts while the silo does.
        node?.Start();
        using var loggers = new SerilogLoggerFactory(log);
        await using var silo = await CoordinatorSilo.StartAsync(Silo("coordinator"), host, loggers, TimeProvider.System);
        var start = new RunStart(run.Spec(ManagedWorkers), from, isContinued);
        await GrainCalls.RepeatAsync(() => silo.Run.StartAsync(start), StartPatience, TimeProvider.System);
        if (!hosting.StartsWorkers)
            log.Information(
                "Machines join with: cliptrain node --coordinator {Address} --token-file {File:l}",
                silo.Endpoint.Gateway,
                hosting.TokenFile ?? run.Files.Token
            );
        return await ServeAsync(silo, host, node, standby);
    }

    /// <summary>Hosts the run, or stands by where another process of this machine hosts it: a supervisor that starts a killed coordinator again finds that its standby has taken the run over. Returns the exit code.</summary>
    /// <exception cref="CoordinatorStartException">The run has a host and a standby already, or this process cannot listen.</exception>
    public Task<int> RunOrStandByAsync() => RunLock.IsHeld(run.Files.CoordinatorLock) ? StandByAsync(leavesOnSignal: true) : RunAsync();

    /// <summary>Stands by: takes the run over when its host dies, and ends with the run. Returns the exit code.</summary>
    /// <param name="leavesOnSignal">True when a signal means this process. One that a coordinator has started gets the signals of its terminal too, and stays until the run has stopped: its coordinator may die on the way.</param>
    public async Task<int> StandByAsync(bool leavesOnSignal)
    {
        // Nobody reads what a standby prints.
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null) });
        await using var log = LogSetup.Create(console, run.Files.Log);
        var host = new RunHost(run, console, log, isStandby: true) { StopExitCode = () => signals.ExitCode };
        await using var node = Node(host, log);
        await using var standby = Standby(host, log);
        using var loggers = new SerilogLoggerFactory(log);
        await using var silo = await CoordinatorSilo.StartAsync(Silo("standby"), host, loggers, TimeProvider.System);
        if (await EndWithoutTakeoverAsync(silo, host, leavesOnSignal) is { } exit)
            return exit;
        log.Warning(
            "The run's coordinator is gone: process {Process} has taken the run over. `cliptrain status {Run}` shows it.",
            Environment.ProcessId,
            run.Files.Directory
        );
        using var @lock = await RunLock.WaitAsync(run.Files.CoordinatorLock, TimeProvider.System, host.Concluded);
        node?.Start();
        return await ServeAsync(silo, host, node, standby);
    }

    private async Task<int> ServeAsync(CoordinatorSilo silo, RunHost host, Companion? node, Companion standby)
    {
        signals.Attach(by => _ = StopAsync(silo, by, atOnce: Interlocked.Increment(ref _stops) > 1));
        var delay = Task.Delay(StandbyDelay);
        if (await Task.WhenAny(delay, host.Concluded) == delay)
            standby.Start();
        var exit = await host.Concluded;
        await Task.WhenAll(standby.EndAsync(TimeSpan.Zero), node?.EndAsync(NodeGrace) ?? Task.CompletedTask);
        return exit;
    }

    private static Task StopAsync(CoordinatorSilo silo, string by, bool atOnce) =>
        GrainCalls.RepeatAsync(() => silo.Run.StopAsync(by, atOnce), TimeSpan.MaxValue, TimeProvider.System);

    /// <summary>Waits while another process hosts the run. The exit code when the run has ended there or a signal has come; null when the run is hosted here.</summary>
    private async Task<int?> EndWithoutTakeoverAsync(CoordinatorSilo silo, RunHost host, bool leavesOnSignal)
    {
        // A coordinator whose run has ended says so by a signal: the status is asked for at once.
        var signal = signals.First;
        while (!host.Opened.IsCompleted)
        {
            if (leavesOnSignal && signals.ExitCode != ExitCodes.Ok)
                return signals.ExitCode;
            await Task.WhenAny(host.Opened, Task.Delay(StatusInterval), signal);
            if (signal.IsCompleted)
                signal = new TaskCompletionSource().Task;
            try
            {
                // The call also wakes a run that has lost its host, whose workers may all be dead.
                if (await silo.Run.StatusAsync() is { IsConcluded: true, State: var state })
                    return state is { Phase: RunPhase.Failed } ? ExitCodes.WorkerLost : ExitCodes.Ok;
            }
            catch (Exception error) when (GrainCalls.WasUnanswered(error))
            {
                // The host is gone, and the cluster has yet to find out.
            }
        }

        return null;
    }

    /// <summary>The process that starts, ends and watches this machine's workers. It lives on when this one is killed.</summary>
    private Companion? Node(RunHost host, ILogger log) =>
        !hosting.StartsWorkers
            ? null
            : new Companion(
                "node",
                RunProgram.Launch(["node", run.Files.Directory]),
                () => !host.HasEnded && !RunLock.IsHeld(run.Files.NodeLock),
                line => log.Information("{Line:l}", line.Text),
                TimeProvider.System
            );

    /// <summary>It listens on whichever of the run's two pairs of ports this process does not have.</summary>
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

    /// <summary>Nodes of other machines may offer more workers than the run needs to begin.</summary>
    private int ManagedWorkers =>
        hosting.StartsWorkers ? run.Options.Cluster.Workers : run.Options.Cluster.MaxWorkers ?? run.Options.Cluster.Workers;

    /// <exception cref="CoordinatorStartException">The coordinator would be open to the network without a token.</exception>
    private string Token =>
        hosting.Token
        ?? (
            IPAddress.IsLoopback(hosting.Listen.Address)
                ? AccessToken.Keep(run.Files.Token)
                : throw new CoordinatorStartException(
                    $"The coordinator listens on {hosting.Listen.Address}, which other machines can reach, only with a token: give "
                        + $"--token-file FILE, or set {AccessToken.Variable}."
                )
        );

    /// <summary>The checkpoint that the run goes on from.</summary>
    /// <exception cref="CoordinatorStartException">The user chose one, and workers train on from another.</exception>
    private CheckpointMark? Begin(bool isContinued, ILogger log)
    {
        if (isContinued && run.WantedStep is { } wanted)
            throw new CoordinatorStartException(
                $"Workers that an earlier start of {run.Files.Directory} has left train on, so that it cannot go back to step {wanted}. "
                    + "Resume it without --step and stop it first."
            );
        if (!isContinued)
            run.Checkpoints.RemoveLeftovers();
        return new RunHistory(run.Files, log).GoOnFrom(run.WantedStep);
    }

    private void Tell(CheckpointMark? from, ILogger log)
    {
        if (run.Manifest.Selection is { } selection)
            log.Information(
                "{Rows} rows in the corpus, {Samples} selected. {Steps:l}.",
                run.Manifest.RowCount,
                run.Manifest.SampleCount,
                string.Join("; ", selection.Steps)
            );
        var workers = Math.Max(run.Options.Cluster.Workers, run.Options.Cluster.MaxWorkers ?? 0);
        if (run.Order.Schedule.LaneCount is var lanes && workers > lanes)
            log.Warning(
                "A batch is mixed from {RowGroups} row groups, so that {Workers} workers read each of them {Times:F1} times; data.shuffle_window: {Workers} would let each read its own alone.",
                lanes,
                workers,
                (double)workers / lanes,
                workers
            );
        if (from is null && File.Exists(run.Files.StartFrom))
            StartReport.Read(run.Files.StartFrom).Log(log);
    }
}
