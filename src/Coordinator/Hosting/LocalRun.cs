using System.Net;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>All that a run on this machine needs.</summary>
public sealed record LocalRunOptions
{
    /// <summary>What is fixed for the run; <see cref="RunSpec.ManagedWorkers"/> processes are started.</summary>
    public required RunSpec Spec { get; init; }

    public required IRunJournal Journal { get; init; }

    public required IRunLedger Ledger { get; init; }

    public required IRunObserver Observer { get; init; }

    /// <summary>How the worker of an id is started, for the first time or again.</summary>
    public required Func<string, WorkerLaunch> Launch { get; init; }

    /// <summary>The checkpoint that the run starts from, if any.</summary>
    public CheckpointMark? ResumedFrom { get; init; }

    /// <summary>The newest checkpoint that the run has written, told of or not.</summary>
    public Func<CheckpointMark?>? FindCheckpoint { get; init; }

    public CoordinatorHostOptions Host { get; init; } = new();

    /// <summary>How long a worker may take to exit when its part is done, before it gets SIGTERM and then SIGKILL.</summary>
    public TimeSpan ExitGrace { get; init; } = TimeSpan.FromSeconds(30);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}

/// <summary>
/// A run on this machine from start to end: the coordinator and the worker processes, which are started again when they crash.
/// <code>
/// using var ledger = FileRunLedger.Open(Path.Combine(runDirectory, "ledger.jsonl"));
/// var run = new LocalRun(new LocalRunOptions
/// {
///     Spec = new RunSpec(options.Name, workers, version, configHash, corpusHash) { ManagedWorkers = workers, ResumeAs = runDirectory },
///     Journal = new FileRunJournal(Path.Combine(runDirectory, "journal.jsonl")),
///     Ledger = ledger,
///     Observer = observer,
///     ResumedFrom = checkpoint is null ? null : new CheckpointMark(checkpoint.Step, checkpoint.Directory),
///     Host = new CoordinatorHostOptions { Port = options.Cluster.Port },
///     Launch = workerId => new WorkerLaunch("dotnet", [program, "worker", runDirectory])
///     {
///         Environment = new Dictionary&lt;string, string> { ["OMP_NUM_THREADS"] = "2" },
///     },
/// });
/// using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => { context.Cancel = true; run.RequestStop("Ctrl-C"); });
/// using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => { context.Cancel = true; run.RequestStop("SIGTERM"); });
/// var outcome = await run.RunAsync();   // CoordinatorStartException: its message is for the user
/// Console.Error.WriteLine(outcome.Message);
/// return outcome.Kind == OutcomeKind.Failed ? 1 : 0;
/// </code>
/// </summary>
public sealed class LocalRun(LocalRunOptions options)
{
    private readonly Lock _lock = new();
    private readonly List<string> _stopsBeforeStart = [];
    private HostedRun? _run;

    /// <summary>
    /// Runs to the end; when this returns, no worker process is left. Cancelling is for emergencies: workers are killed and
    /// nothing is saved.
    /// </summary>
    /// <param name="cancellationToken">Ends the run without a checkpoint.</param>
    /// <exception cref="CoordinatorStartException">The coordinator cannot listen as asked.</exception>
    public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken = default)
    {
        await using var host = await CoordinatorHost.StartAsync(options.Host, options.Time, options.Loggers, cancellationToken);
        HostedRun? hosted = null;
        await using var workers = new LocalWorkers(
            workerId => (options.Launch(workerId), new WorkerEnvironment(host.Address, host.Token, options.Spec.RunId, workerId)),
            line => hosted!.Observer.OnWorkerLine(line),
            exited => hosted!.SendAsync(exited),
            options.ExitGrace,
            options.Time);
        hosted = host.AddRun(options.Spec, options.ResumedFrom, options.Observer, options.Journal, options.Ledger, workers, findCheckpoint: options.FindCheckpoint);
        Attach(hosted);
        await hosted.SendAsync(new RunMessage.NodeJoined(new Node(Node.Local, Guid.NewGuid().ToString("N"), options.Spec.ManagedWorkers)));
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
                _run.RequestStop(by);
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
