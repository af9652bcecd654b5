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

/// <summary>A hosted run's records: the ledger, metrics, TensorBoard events and what is shown.</summary>
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
    private readonly RunObserver _observer;
    private bool _isDisposed;

    /// <param name="run">The run.</param>
    /// <param name="epoch">The activation that writes.</param>
    /// <param name="state">What it goes on from.</param>
    /// <param name="console">Where progress is shown.</param>
    /// <param name="log">Gets what the view shows as lines.</param>
    /// <exception cref="InvalidDataException">A record that an earlier process wrote cannot be read.</exception>
    public RunRecords(PreparedRun run, long epoch, RunState state, IAnsiConsole console, ILogger log)
    {
        _run = run;
        _ledger = FileRunLedger.Open(run.Files.Ledger, epoch);

        // A run that goes on from a checkpoint may find the records of its last steps there alone: its workers wrote it when they
        // had nobody to tell.
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
            log.Warning(
                "{Damage:l}: the lines from there on are written anew from the ledger; the file as it was is {Metrics:l}.damaged.",
                damage,
                run.Files.Metrics
            );
        _alerting = run.Options.Alerts.Enabled
            ? new RunAlerting(run.Options, run.Files.Directory, text => _view.Message(LogEventLevel.Warning, text), TimeProvider.System)
            : null;
        if (run.Options.Evaluation.EverySteps > 0)
        {
            // Figures come from a thread of their own, and so need a file of their own.
            _evaluationBoard = run.Options.Output.Tensorboard
                ? new TensorBoardWriter(Path.Combine(run.Files.TensorBoard, "evaluation"), TimeProvider.System, StartStep)
                : null;
            _evaluations = new CheckpointEvaluations(
                run.Files,
                run.Options.Evaluation,
                (checkpoint, output) => EvaluationProcess.RunAsync(run.Options.Evaluation, run.Files.Config, checkpoint, output),
                _view.Message,
                (step, rows) =>
                    _evaluationBoard?.Write(step, rows.Select(row => ($"{row.Set}/{row.Task} {row.Metric}".Replace(' ', '_'), row.Value)))
            );
        }

        _observer = new RunObserver(_view, _metrics, _tensorBoard, run.Options.Output.LogEverySteps, state.LastCheckpoint)
        {
            Alerts = _alerting,
            Evaluations = _evaluations,
        };
        _view.Start(run.TotalSteps, StartStep);
        _observer.Write(Untold());
    }

    /// <summary>Steps up to this one are done and recorded.</summary>
    public long StartStep { get; }

    /// <summary>The newest step that was recorded here; null before the first.</summary>
    public StepMetrics? LastStep => _observer.LastStep;

    /// <summary>What bounds the run's rate; null when too few steps were recorded here.</summary>
    public StepVerdict? Verdict => _observer.Verdict;

    public IRunObserver Observer => _observer;

    /// <summary>True once the run is over.</summary>
    public bool HasEnded => _observer.HasEnded;

    public IRunLedger Ledger => _ledger;

    public CheckpointMark? FindCheckpoint() => _run.FindCheckpoint();

    public IReadOnlyList<Shard> Shards(int worldSize, long step) => _run.Shards.Of(worldSize, step);

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _evaluations?.Dispose();
        _evaluationBoard?.Dispose();
        _alerting?.Dispose();
        _view.Stop();
        _tensorBoard?.Dispose();
        _metrics.Dispose();
        _ledger.Dispose();
    }

    /// <summary>Steps that the ledger has and the metrics have not: their coordinator was killed between the two, or never heard of them.</summary>
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
