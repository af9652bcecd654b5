using System.Net;
using ClipTrain.Coordinator.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>All that a run on this machine needs.</summary>
public sealed record LocalRunOptions
{
    /// <summary>The run's name, as in <c>cliptrain resume RUN</c>.</summary>
    public required string RunId { get; init; }

    /// <summary>An existing directory; state.json is kept in it.</summary>
    public required string RunDirectory { get; init; }

    public required int Workers { get; init; }

    public required string CodeVersion { get; init; }

    public required string ConfigHash { get; init; }

    /// <summary>How the worker in a slot is started.</summary>
    public required Func<int, WorkerLaunch> Launch { get; init; }

    public required IRunObserver Observer { get; init; }

    /// <summary>The checkpoint that the run starts from, if any.</summary>
    public CheckpointMark? ResumedFrom { get; init; }

    public CoordinatorHostOptions Host { get; init; } = new();

    public RunTimeouts Timeouts { get; init; } = new();

    /// <summary>How long a worker may take to exit when its part is done, before it gets SIGTERM and then SIGKILL.</summary>
    public TimeSpan ExitGrace { get; init; } = TimeSpan.FromSeconds(30);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}

/// <summary>
/// A run on this machine from start to end: the coordinator, the store and the worker processes.
/// <code>
/// var run = new LocalRun(new LocalRunOptions
/// {
///     RunId = options.Name,
///     RunDirectory = runDirectory,
///     Workers = options.Cluster.Workers,
///     CodeVersion = version,
///     ConfigHash = hash,
///     ResumedFrom = checkpoint is null ? null : new CheckpointMark(checkpoint.Step, checkpoint.Directory),
///     Host = new CoordinatorHostOptions { Port = options.Cluster.Port },
///     Timeouts = new RunTimeouts { Heartbeat = heartbeat, Survivors = collective + TimeSpan.FromSeconds(30) },
///     Observer = observer,
///     Launch = slot => new WorkerLaunch("dotnet", [program, "worker", "--config", resolvedConfig])
///     {
///         Environment = new Dictionary&lt;string, string> { ["OMP_NUM_THREADS"] = "2" },
///     },
/// });
/// using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => { context.Cancel = true; run.RequestStop("Ctrl-C"); });
/// using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => { context.Cancel = true; run.RequestStop("SIGTERM"); });
/// RunOutcome outcome;
/// await using (var store = new TcpStoreRendezvous())
/// {
///     outcome = await run.RunAsync(store);   // CoordinatorStartException: its message is for the user
/// }
///
/// Console.Error.WriteLine(outcome.Message);
/// return outcome.Kind == OutcomeKind.Failed ? 1 : 0;
/// </code>
/// </summary>
public sealed class LocalRun(LocalRunOptions options)
{
    private readonly Lock _lock = new();
    private readonly List<string> _stopsBeforeStart = [];
    private HostedRun? _run;
    private int _stops;

    /// <summary>
    /// Runs to the end; when this returns, no worker process is left. Cancelling is for emergencies: workers are killed and
    /// nothing is saved.
    /// </summary>
    /// <param name="rendezvous">The store, not started yet; the caller disposes it.</param>
    /// <param name="cancellationToken">Ends the run without a checkpoint.</param>
    /// <exception cref="CoordinatorStartException">The coordinator cannot listen as asked.</exception>
    public async Task<RunOutcome> RunAsync(IRendezvous rendezvous, CancellationToken cancellationToken = default)
    {
        var (storeHost, storePort) = await rendezvous.StartAsync(cancellationToken);
        await using var host = await CoordinatorHost.StartAsync(options.Host, options.Time, options.Loggers, cancellationToken);
        var spec = new RunSpec(options.RunId, options.Workers, options.CodeVersion, options.ConfigHash, storeHost, storePort) { Timeouts = options.Timeouts, ResumeAs = options.RunDirectory };
        HostedRun? hosted = null;
        await using var workers = new LocalWorkers(line => hosted!.Observer.OnWorkerLine(line), exited => hosted!.SendAsync(exited), options.ExitGrace, options.Time);
        hosted = host.AddRun(spec, options.ResumedFrom, options.Observer, new FileRunJournal(Path.Combine(options.RunDirectory, "state.json")), workers);
        Attach(hosted);
        for (var slot = 0; slot < options.Workers && !hosted.Outcome.IsCompleted; slot++)
        {
            workers.Start(slot, options.Launch(slot), new WorkerEnvironment(host.Address, host.Token, options.RunId, WorkerIds.ForSlot(slot)));
        }

        var outcome = await hosted.Outcome.WaitAsync(cancellationToken);
        await workers.DismissAllAsync();
        return outcome;
    }

    /// <summary>The first call stops the run at a checkpoint; a second one ends it at once. May be called at any time.</summary>
    /// <param name="by">Who asks, as in "stopped by Ctrl-C".</param>
    public void RequestStop(string by)
    {
        lock (_lock)
        {
            if (_run is null)
            {
                _stopsBeforeStart.Add(by);
            }
            else
            {
                _ = _run.RequestStopAsync(by, atOnce: _stops++ > 0);
            }
        }
    }

    private void Attach(HostedRun run)
    {
        lock (_lock)
        {
            _run = run;
        }

        foreach (var by in _stopsBeforeStart)
        {
            RequestStop(by);
        }
    }
}
