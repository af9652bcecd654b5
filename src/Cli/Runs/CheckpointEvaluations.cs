using System.Text.Json;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;
using Serilog.Events;

namespace ClipTrain.Cli.Runs;

/// <summary>
/// Evaluates checkpoints while a run trains, one at a time, each in a separate process. Hard links keep a checkpoint
/// that the run prunes meanwhile. If checkpoints arrive faster than they are evaluated, some are skipped; training
/// never waits. Failures are logged, not thrown.
/// </summary>
/// <param name="files">The run's files.</param>
/// <param name="options">The run's evaluation options.</param>
/// <param name="evaluate">
/// Evaluates a checkpoint folder into an output folder, until the token is cancelled. Returns the exit code and the error output.
/// </param>
/// <param name="tell">Logs a message.</param>
/// <param name="figures">Receives the step and the results of each evaluated checkpoint.</param>
public sealed class CheckpointEvaluations(
    RunFiles files,
    EvaluationOptions options,
    Func<string, string, CancellationToken, Task<(int Exit, string Said)>> evaluate,
    Action<LogEventLevel, string> tell,
    Action<long, IReadOnlyList<ResultRow>> figures
) : IDisposable
{
    /// <summary>Metrics for which lower is better.</summary>
    private static readonly string[] s_errors = ["calibration_error", "median_rank", "loss"];

    private readonly Lock _lock = new();
    private readonly string _folder = files.Evaluation,
        _best = files.Best;
    private readonly CancellationTokenSource _abandoned = new();
    private Task _working = Task.CompletedTask;
    private long _due;
    private long? _waiting;

    /// <summary>The figures of the evaluated checkpoints, including those from before a resume.</summary>
    public required EvaluationHistory History { get; init; }

    /// <summary>
    /// Reports a new checkpoint. Evaluates the first one at or after each multiple of every_steps. Does not block.
    /// </summary>
    public void Offer(long step)
    {
        lock (_lock)
        {
            if (options.EverySteps == 0 || step < _due || _abandoned.IsCancellationRequested)
            {
                return;
            }

            _due = ((step / options.EverySteps) + 1) * options.EverySteps;
            if (!Attempt($"The checkpoint of step {step} is not evaluated", () => Hold(step)))
            {
                return;
            }

            if (_waiting is { } overtaken)
            {
                tell(LogEventLevel.Information, $"The checkpoint of step {overtaken} is skipped: evaluation lags behind training.");
                Release(overtaken);
            }

            _waiting = step;
            if (_working.IsCompleted)
            {
                _working = Task.Run(WorkAsync);
            }
        }
    }

    /// <summary>Waits for the running and the pending evaluation.</summary>
    public void Finish()
    {
        if (!_working.IsCompleted)
        {
            tell(LogEventLevel.Information, "Waiting for a checkpoint evaluation to finish.");
        }

        _working.GetAwaiter().GetResult();
    }

    /// <summary>Abandons the running and the pending evaluation: a host that goes back or is replaced must not wait for them.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_waiting is { } pending)
            {
                Release(pending);
                _waiting = null;
            }

            _abandoned.Cancel();
        }

        _working.GetAwaiter().GetResult();
        _abandoned.Dispose();
    }

    private CheckpointDirectory Held => new(Path.Combine(_folder, "checkpoints"));

    private async Task WorkAsync()
    {
        while (true)
        {
            long step;
            lock (_lock)
            {
                if (_waiting is not { } next)
                {
                    _working = Task.CompletedTask;
                    return;
                }

                (step, _waiting) = (next, null);
            }

            var output = Path.Combine(_folder, Path.GetFileName(Held.PathOf(step)));
            try
            {
                var (exit, said) = await evaluate(Held.PathOf(step), output, _abandoned.Token);
                if (_abandoned.IsCancellationRequested)
                {
                    tell(LogEventLevel.Information, $"The evaluation of step {step} is abandoned.");
                }
                else if (exit == ExitCodes.Ok)
                {
                    Take(step, ReadRows(Path.Combine(output, "results.json")));
                }
                else
                {
                    tell(LogEventLevel.Warning, $"The checkpoint of step {step} could not be evaluated: {said}");
                }
            }
            catch (Exception error)
                when (error is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or WeightsException)
            {
                tell(LogEventLevel.Warning, $"The checkpoint of step {step} could not be evaluated: {error.Message}");
            }

            Release(step);
        }
    }

    private void Take(long step, IReadOnlyList<ResultRow> rows)
    {
        if (!History.Add(new EvaluatedStep(step, rows, Held.Samples(step))))
        {
            tell(LogEventLevel.Warning, $"The evaluation of step {step} is not recorded: another process has taken over the run.");
            return;
        }

        figures(step, rows);
        if (options.BestFigure is not { } name)
        {
            return;
        }

        if (rows.FirstOrDefault(row => row.Name == name) is not { } figure)
        {
            tell(
                LogEventLevel.Warning,
                $"evaluation.best_figure is '{name}', which was not measured; available: "
                    + $"{string.Join(", ", rows.Select(row => $"'{row.Name}'").Take(6))}"
                    + $"{(rows.Count > 6 ? ", …" : "")}."
            );
            return;
        }

        var isError = s_errors.Contains(figure.Metric, StringComparer.Ordinal);
        var before = Directory.Exists(_best)
            ? Figures(name).Where(earlier => earlier.Step != step).Select(earlier => earlier.Value).ToList()
            : [];
        if (double.IsNaN(figure.Value) || before.Exists(value => isError ? value <= figure.Value : value >= figure.Value))
        {
            return;
        }

        if (Directory.Exists(_best))
        {
            Directory.Delete(_best, recursive: true);
        }

        Directory.CreateDirectory(_best);
        Link(files.Config, Path.Combine(_best, Path.GetFileName(files.Config)));
        LinkFolder(Held.PathOf(step), new CheckpointDirectory(Path.Combine(_best, "checkpoints")).PathOf(step));
        tell(LogEventLevel.Information, $"Step {step} is the best so far: {name} {Readable.Number(figure.Value)}; kept in {_best}.");
    }

    /// <summary>Values of a metric for all evaluated checkpoints, including those from before a resume.</summary>
    private IEnumerable<(long Step, double Value)> Figures(string name) =>
        History.Steps.SelectMany(line => line.Results.Where(row => row.Name == name).Select(row => (line.Step, row.Value)));

    /// <summary>Links the checkpoint and the run's configuration into a folder with the layout of a run.</summary>
    private void Hold(long step)
    {
        Directory.CreateDirectory(_folder);
        var config = Path.Combine(_folder, Path.GetFileName(files.Config));
        if (!File.Exists(config))
        {
            Link(files.Config, config);
        }

        LinkFolder(new CheckpointDirectory(files.Checkpoints).PathOf(step), Held.PathOf(step));
    }

    private void Release(long step) =>
        Attempt($"{Held.PathOf(step)} could not be deleted", () => Directory.Delete(Held.PathOf(step), recursive: true));

    private bool Attempt(string otherwise, Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            tell(LogEventLevel.Warning, $"{otherwise}: {error.Message}");
            return false;
        }
    }

    private static IReadOnlyList<ResultRow> ReadRows(string path) =>
        JsonSerializer.Deserialize<List<ResultRow>>(File.ReadAllText(path), TelemetryJson.OneLine)
        ?? throw new JsonException($"{path} is empty.");

    private static void LinkFolder(string from, string to)
    {
        if (Directory.Exists(to))
        {
            Directory.Delete(to, recursive: true);
        }

        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            Link(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    /// <summary>Creates a hard link, or a copy if the file system has no hard links.</summary>
    private static void Link(string from, string to)
    {
        if (!HardLink.TryCreate(from, to))
        {
            File.Copy(from, to, overwrite: true);
        }
    }
}
