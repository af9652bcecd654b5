using System.Net;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Monitoring.Alerts;
using ClipTrain.Monitoring.Page;
using Serilog;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Cli.Runs;

/// <summary>
/// Host side of a run: keeps its records, shows its progress, and at the end evaluates the last checkpoint and writes
/// the summary. A standby does none of this until it takes over.
/// </summary>
/// <param name="run">The run.</param>
/// <param name="console">Console for the progress display.</param>
/// <param name="log">The run's log.</param>
public sealed class RunHost(PreparedRun run, IAnsiConsole console, ILogger log) : IRunHosting
{
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<int> _concluded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private RunRecords? _records;
    private OtlpExport? _otlp;
    private PageServer? _page;
    private int _exitCode;

    /// <summary>Completes when this process first hosts the run.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Exit code of a run that ended here. Faults if the final evaluation fails.</summary>
    public Task<int> Concluded => _concluded.Task;

    /// <summary>Receives the steps to blame when a rise of the loss shows that the run diverged, and a checkpoint before them.</summary>
    public Action<StepRange, CheckpointMark>? OnDiverged { get; set; }

    /// <summary>Exit code after a stop, given by the signal that requested it.</summary>
    public Func<int> StopExitCode { get; init; } = () => ExitCodes.Ok;

    /// <summary>True to open the live page in a browser.</summary>
    public bool OpensPage { get; init; }

    /// <summary>False to leave alerts.command alone.</summary>
    public bool StartsPrograms { get; init; } = true;

    public string RunId => run.Options.Name;

    /// <summary>True once a run hosted here is over, so that its node and standby need no restart.</summary>
    public bool HasEnded => _records?.HasEnded ?? false;

    public StepMetrics? LastStep => _records?.LastStep;

    /// <summary>True once this process stands by or has hosted the run. Before that, only a start opens the run.</summary>
    public bool MayTakeOver { get; set; }

    public RunFilesOffer Files => new(File.ReadAllBytes(run.Files.Config), File.ReadAllBytes(run.Files.Manifest));

    public IRunRecords Open(long term, RunState state)
    {
        _records = new RunRecords(run, term, state, console, log);
        if (_records.Alerting is { } alerting)
        {
            alerting.OnAlert = Respond;
            alerting.StartsPrograms = StartsPrograms;
        }

        MayTakeOver = true;
        _opened.TrySetResult();
        _otlp ??= OtlpExport.Start(run.Options, () => LastStep);
        if (run.Options.Output.Page && _page is null)
        {
            _ = Task.Run(ServePageAsync);
        }

        return _records;
    }

    public bool SeesCheckpoint(long step) =>
        run.Checkpoints.IsComplete(step) || run.Checkpoints.Steps().Any(later => later > step && run.Checkpoints.IsComplete(later));

    public void PassOver(IReadOnlyList<StepRange> steps)
    {
        if (!Rollback.Read(run.Files).SequenceEqual(steps))
        {
            Rollback.Write(run.Files, steps);
            log.Warning("Steps passed over because the run diverged at them: {Steps:l}.", Rollback.Describe(steps));
        }
    }

    public void GoBack(long step) => new RunHistory(run.Files, log).GoOnFrom(step);

    public async Task ConcludeAsync(RunOutcome outcome)
    {
        try
        {
            // Evaluation takes long, so keep it off the grain's scheduler.
            _exitCode = await Task.Run(() => Conclude(outcome));
        }
        catch (Exception error)
        {
            _concluded.TrySetException(error);
        }
    }

    public void Leave() => _concluded.TrySetResult(_exitCode);

    public void OnDefect(Exception error) => _concluded.TrySetException(error);

    /// <summary>Serves the run's page on loopback while this process lives. A failure is only a warning.</summary>
    private async Task ServePageAsync()
    {
        try
        {
            string[] directories = [run.Files.Directory];
            _page = await PageServer.StartAsync(
                new IPEndPoint(IPAddress.Loopback, 0),
                token: null,
                new RunBoard(() => directories, TimeProvider.System)
            );
            log.Information("The run's page is {Address:l}", _page.Address.ToString());
            if (OpensPage)
            {
                Browser.Open(_page.Address);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            log.Warning("Cannot serve the run's page: {Reason:l}", error.Message);
        }
    }

    private void Respond(Alert alert)
    {
        var cause = Rollback.CauseOf(alert.Step);
        if (alert.Kind == RunAlerts.LossSpike && Rollback.CheckpointBefore(run.Checkpoints, cause) is { } checkpoint)
        {
            OnDiverged?.Invoke(cause, checkpoint);
        }
    }

    private int Conclude(RunOutcome outcome)
    {
        _records?.FinishEvaluations();
        _records?.Dispose();
        // Also sends the span of the final evaluation.
        using var otlp = _otlp;
        run.Checkpoints.RemoveLeftovers();
        if (outcome.Kind != OutcomeKind.Completed)
        {
            log.Write(outcome.Kind == OutcomeKind.Failed ? LogEventLevel.Error : LogEventLevel.Information, "{Message:l}", outcome.Message);
            return outcome.Kind == OutcomeKind.Failed ? Failure.ExitCodeOf(outcome) : StopExitCode();
        }

        if (_records?.Verdict is { } verdict)
        {
            log.Information("{Verdict:l}", verdict.Text);
        }

        if (_records?.Phases is { } phases)
        {
            log.Information("{Phases:l}", phases.Text);
        }

        log.Information("Training took {Seconds:F0} s; evaluating.", TimeProvider.System.GetElapsedTime(_started).TotalSeconds);
        using var span = _records?.Traces.Evaluation("final");
        return RunReport.EvaluateAndWrite(run.Files, run.Options, log);
    }
}
