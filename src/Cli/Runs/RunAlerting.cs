using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Monitoring.Alerts;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Runs;

/// <summary>Delivers a hosted run's alerts to the log and to the configured command or webhook.</summary>
public sealed class RunAlerting : IDisposable
{
    private const double BytesInGigabyte = 1e9;
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(30),
        s_patience = TimeSpan.FromSeconds(30);

    private readonly RunOptions _options;
    private readonly string _directory;
    private readonly Action<string> _log;
    private readonly TimeProvider _time;
    private readonly RunAlerts _rules;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private long _step,
        _heardOf;
    private bool _isDiskFull,
        _isStill;

    /// <param name="options">The run's options.</param>
    /// <param name="directory">Run directory, whose free disk space is watched.</param>
    /// <param name="log">Receives each alert as a line.</param>
    /// <param name="time">Clock for the time without progress.</param>
    public RunAlerting(RunOptions options, string directory, Action<string> log, TimeProvider time)
    {
        (_options, _directory, _log, _time) = (options, directory, log, time);
        var objective = options.Training.Objective;
        _rules = new RunAlerts(
            new AlertContext(
                options.Training.GlobalBatch,
                options.Training.LearningRate,
                options.Training.MaxLogitScale,
                objective is Objective.Contrastive or Objective.TwoViews
            )
        );
        _heardOf = time.GetTimestamp();
        _timer = time.CreateTimer(_ => Look(), state: null, s_look, s_look);
    }

    /// <summary>Called at each alert, after it is logged.</summary>
    public Action<Alert>? OnAlert { get; set; }

    /// <summary>False to leave alerts.command alone.</summary>
    public bool StartsPrograms { get; set; } = true;

    public void Observe(StepRecord step)
    {
        lock (_lock)
        {
            (_step, _heardOf, _isStill) = (step.Metrics.Step, _time.GetTimestamp(), false);
            foreach (var alert in _rules.Observe(step))
            {
                Raise(alert);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>Checks the conditions that no step reports: a full disk, and a lack of steps.</summary>
    private void Look()
    {
        lock (_lock)
        {
            var free = FreeBytes();
            if (free < _options.Alerts.MinFreeGigabytes * BytesInGigabyte && !_isDiskFull)
            {
                Raise(
                    new Alert(
                        _step,
                        "disk",
                        $"The disk of {_directory} has {(free / BytesInGigabyte).ToString("F2", CultureInfo.InvariantCulture)} GB free: "
                            + "make room, or lower checkpoint.keep."
                    )
                );
            }

            _isDiskFull = free < _options.Alerts.MinFreeGigabytes * BytesInGigabyte;

            var still = _time.GetElapsedTime(_heardOf);
            if (still.TotalMinutes < _options.Alerts.NoProgressMinutes || _isStill)
            {
                return;
            }

            _isStill = true;
            Raise(
                new Alert(
                    _step,
                    "no-progress",
                    $"No step was recorded for {still.TotalMinutes.ToString("F0", CultureInfo.InvariantCulture)} minutes: `cliptrain "
                        + "status` shows which worker the run is waiting for."
                )
            );
        }
    }

    private double FreeBytes()
    {
        try
        {
            return new DriveInfo(_directory).AvailableFreeSpace;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return double.PositiveInfinity;
        }
    }

    private void Raise(Alert alert)
    {
        _log($"Alert: step {alert.Step}: {alert.Text}");
        OnAlert?.Invoke(alert);
        if (StartsPrograms && _options.Alerts.Command.Length > 0)
        {
            _ = TellAsync("alerts.command", () => StartAsync(alert));
        }

        if (_options.Alerts.Webhook.Length > 0)
        {
            _ = TellAsync("alerts.webhook", () => PostAsync(alert));
        }
    }

    /// <summary>Logs an alert that cannot be delivered; the run continues.</summary>
    private async Task TellAsync(string key, Func<Task> tell)
    {
        try
        {
            await Task.Run(tell).WaitAsync(s_patience, _time);
        }
        catch (Exception error)
            when (error
                    is IOException
                        or HttpRequestException
                        or InvalidOperationException
                        or System.ComponentModel.Win32Exception
                        or TimeoutException
                        or TaskCanceledException
                        or UriFormatException
            )
        {
            _log($"{key} failed to deliver an alert: {error.Message}");
        }
    }

    private async Task StartAsync(Alert alert)
    {
        string[] arguments = [_options.Name, alert.Step.ToString(CultureInfo.InvariantCulture), alert.Kind, alert.Text];
        using var process = Process.Start(new ProcessStartInfo(_options.Alerts.Command, arguments) { UseShellExecute = false })!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{_options.Alerts.Command} exited with code {process.ExitCode}.");
        }
    }

    private async Task PostAsync(Alert alert)
    {
        using var client = new HttpClient { Timeout = s_patience };
        using var answer = await client.PostAsJsonAsync(
            _options.Alerts.Webhook,
            new
            {
                run = _options.Name,
                step = alert.Step,
                kind = alert.Kind,
                text = alert.Text,
            }
        );
        answer.EnsureSuccessStatusCode();
    }
}
