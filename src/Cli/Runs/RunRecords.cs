using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Monitoring.Verdict;
using Serilog;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Cli.Runs;

/// <summary>Records of a hosted run: ledger, metrics, TensorBoard events and the progress display.</summary>
public sealed class RunRecords : IRunRecords
{
    private readonly PreparedRun _run;
    private readonly FileRunLedger _ledger;
    private readonly MetricsFile _metrics;
    private readonly TensorBoardWriter? _tensorBoard;
    private readonly IProgressView _view;
    private readonly RunAlerting? _alerting;
    private readonly TensorBoardWriter? _evaluationBoard;
    private readonly CheckpointEvaluations? _evaluations;
    private readonly RunEnergy? _energy;
    private readonly RunObserver _observer;
    private bool _isDisposed;

    /// <param name="run">The run.</param>
    /// <param name="term">Term of the host that writes.</param>
    /// <param name="state">State that the run continues from.</param>
    /// <param name="console">Console for the progress display.</param>
    /// <param name="log">Receives the progress as log lines.</param>
    /// <exception cref="InvalidDataException">A record written by an earlier process is invalid.</exception>
    public RunRecords(PreparedRun run, long term, RunState state, IAnsiConsole console, ILogger log)
    {
        _run = run;
        _ledger = FileRunLedger.Open(run.Files.Ledger, term);

        // If workers wrote the checkpoint without a coordinator, it holds the only records of the last steps.
        if (state.LastCheckpoint is { } checkpoint && checkpoint.Step > _ledger.RecordedStep)
        {
            var missing = run
                .Checkpoints.Unrecorded(checkpoint.Step)
                .SkipWhile(record => record.Metrics.Step <= _ledger.RecordedStep)
                .ToList();
            _ledger.AppendAsync([.. missing.Select(step => new LedgerEntry(Step: step))]).GetAwaiter().GetResult();
        }

        StartStep = state.Assignment is null ? state.RecordedStep : _ledger.RecordedStep;
        _metrics = MetricsFile.Open(run.Files.Metrics, StartStep);
        _tensorBoard = run.Options.Output.Tensorboard ? new TensorBoardWriter(run.Files.TensorBoard, TimeProvider.System, StartStep) : null;
        _view = TrainingProgress.Create(console, log, TimeProvider.System);
        if (_metrics.Damage is { } damage)
        {
            log.Warning(
                "{Damage:l}: the lines from there on are rebuilt from the ledger; the original file is kept as {Metrics:l}.damaged.",
                damage,
                run.Files.Metrics
            );
        }

        _alerting = run.Options.Alerts.Enabled
            ? new RunAlerting(run.Options, run.Files.Directory, text => _view.Message(LogEventLevel.Warning, text), TimeProvider.System)
            : null;
        if (run.Options.Evaluation.EverySteps > 0)
        {
            // Results arrive on a separate thread and therefore need a separate event file.
            _evaluationBoard = run.Options.Output.Tensorboard
                ? new TensorBoardWriter(Path.Combine(run.Files.TensorBoard, "evaluation"), TimeProvider.System, StartStep)
                : null;
            _evaluations = new CheckpointEvaluations(
                run.Files,
                run.Options.Evaluation,
                async (checkpoint, output, abandon) =>
                {
                    using var span = Traces.Evaluation(Path.GetFileName(checkpoint));
                    return await EvaluationProcess.RunAsync(run.Options.Evaluation, run.Files.Config, checkpoint, output, abandon);
                },
                _view.Message,
                (step, rows) =>
                    _evaluationBoard?.Write(step, rows.Select(row => ($"{row.Set}/{row.Task} {row.Metric}".Replace(' ', '_'), row.Value)))
            )
            {
                History = new EvaluationHistory(run.Files, term, StartStep),
            };
        }

        _observer = new RunObserver(_view, _metrics, _tensorBoard, run.Options.Output.LogEverySteps, state.LastCheckpoint)
        {
            Alerts = _alerting,
            Evaluations = _evaluations,
        };
        _energy = RunEnergy.Start(run.Files, term, PackageEnergy.Root, TimeProvider.System);
        _view.Start(run.TotalSteps, StartStep);
        _observer.Write(Untold());
    }

    /// <summary>Last step that was already recorded when the run continued here.</summary>
    public long StartStep { get; }

    /// <summary>Metrics of the newest step recorded here; null before the first.</summary>
    public StepMetrics? LastStep => _observer.LastStep;

    /// <summary>Bottleneck of the run; null if too few steps were recorded here.</summary>
    public StepVerdict? Verdict => _observer.Verdict;

    /// <summary>Where the time of the recent steps went; null if none was measured here.</summary>
    public StepPhases? Phases => _observer.Phases;

    /// <summary>Spans of the run.</summary>
    internal RunTraces Traces => _observer.Traces;

    public IRunObserver Observer => _observer;

    /// <summary>The alert rules; null if alerts are disabled.</summary>
    public RunAlerting? Alerting => _alerting;

    /// <summary>True once the run is over.</summary>
    public bool HasEnded => _observer.HasEnded;

    public IRunLedger Ledger => _ledger;

    public CheckpointMark? FindCheckpoint() => _run.FindCheckpoint();

    public IReadOnlyList<Shard> Shards(int worldSize, long step) => _run.Shards.Of(worldSize, step);

    /// <summary>Waits for the evaluations of checkpoints. Without this, <see cref="Dispose"/> abandons them.</summary>
    public void FinishEvaluations() => _evaluations?.Finish();

    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _energy?.Dispose();
        _evaluations?.Dispose();
        Traces.Dispose();
        _evaluationBoard?.Dispose();
        _alerting?.Dispose();
        _view.Stop();
        _tensorBoard?.Dispose();
        _metrics.Dispose();
        _ledger.Dispose();
    }

    /// <summary>
    /// Steps in the ledger that are missing from the metrics, because a coordinator was killed between the two writes
    /// or never learned of them.
    /// </summary>
    private StepMetrics[] Untold() =>
        [
            .. FileRunLedger
                .Read(_run.Files.Ledger)
                .Select(entry => entry.Step?.Metrics)
                .OfType<StepMetrics>()
                .Where(metrics => metrics.Step > _metrics.LastStep && metrics.Step <= StartStep)
                .GroupBy(metrics => metrics.Step)
                .Select(again => again.Last())
                .OrderBy(metrics => metrics.Step),
        ];
}
