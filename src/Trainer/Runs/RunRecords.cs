using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Telemetry;
using Serilog;
using Serilog.Extensions.Logging;
using Spectre.Console;

namespace ClipTrain.Trainer.Runs;

/// <summary>Where a run's coordinator writes and shows what happens: progress, metrics, TensorBoard events, the ledger.</summary>
public sealed class RunRecords : IDisposable
{
    private readonly MetricsFile _metrics;
    private readonly TensorBoardWriter? _tensorBoard;
    private readonly SerilogLoggerFactory _loggers;
    private readonly FileRunLedger _ledger;

    /// <param name="files">The run's files.</param>
    /// <param name="options">Which of them are wanted.</param>
    /// <param name="totalSteps">Length of the run.</param>
    /// <param name="resumeStep">The checkpoint that the run goes on from; null where its workers hold what the ledger has.</param>
    /// <param name="found">Records of steps, in order, that the ledger may lack: those that lie with a checkpoint.</param>
    /// <param name="log">Gets what the view shows as lines.</param>
    public RunRecords(RunFiles files, RunOptions options, long totalSteps, long? resumeStep, IReadOnlyList<StepRecord> found, ILogger log)
    {
        _ledger = FileRunLedger.Open(files.Ledger);
        var missing = found.SkipWhile(record => record.Metrics.Step <= _ledger.RecordedStep).ToList();
        _ledger.AppendAsync([.. missing.Select(record => new LedgerEntry(null, record))]).GetAwaiter().GetResult();
        var keep = resumeStep ?? _ledger.RecordedStep;
        StartStep = keep;
        _metrics = MetricsFile.Open(files.Metrics, keep);
        _tensorBoard = options.Output.Tensorboard ? new TensorBoardWriter(files.TensorBoard, TimeProvider.System, keep) : null;
        _loggers = new SerilogLoggerFactory(log);
        View = TrainingProgress.Create(AnsiConsole.Console, log, TimeProvider.System);
        Observer = new RunObserver(View, _metrics, _tensorBoard, options.Output.LogEverySteps);
        Log = log;
        View.Start(totalSteps, StartStep);
        Observer.OnMetrics(Untold(files.Ledger));
    }

    public ILogger Log { get; }

    /// <summary>Steps up to this one are done and recorded.</summary>
    public long StartStep { get; }

    public IProgressView View { get; }

    public IRunObserver Observer { get; }

    public IRunLedger Ledger => _ledger;

    public Microsoft.Extensions.Logging.ILoggerFactory Loggers => _loggers;

    public void Dispose()
    {
        View.Stop();
        _loggers.Dispose();
        _tensorBoard?.Dispose();
        _metrics.Dispose();
        _ledger.Dispose();
    }

    /// <summary>Steps that the ledger has and the metrics have not: their coordinator was killed between the two, or never heard of them.</summary>
    private StepMetrics[] Untold(string ledger) =>
    [
        .. FileRunLedger.Read(ledger).Select(entry => entry.Step?.Metrics).OfType<StepMetrics>()
            .Where(metrics => metrics.Step > _metrics.LastStep && metrics.Step <= StartStep)
            .GroupBy(metrics => metrics.Step).Select(again => again.Last()).OrderBy(metrics => metrics.Step),
    ];
}
