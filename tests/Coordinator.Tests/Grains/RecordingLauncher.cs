using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A launcher that obeys the contract, records what runs, and reports violations.</summary>
internal sealed class RecordingLauncher : IRunLauncher
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TrialStart> _running = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _newest = new(StringComparer.Ordinal);
    private readonly Dictionary<RunAttempt, TrialEnd> _ended = [];
    private readonly List<RunAttempt> _started = [];
    private readonly List<string> _faults = [];

    /// <summary>Runs after a start is accepted and before it is answered.</summary>
    public Func<TrialStart, Task> OnStart { get; set; } = _ => Task.CompletedTask;

    /// <summary>Attempts in starting order, without duplicates.</summary>
    public IReadOnlyList<RunAttempt> Started
    {
        get
        {
            lock (_lock)
            {
                return [.. _started];
            }
        }
    }

    public IReadOnlyList<TrialStart> Running
    {
        get
        {
            lock (_lock)
            {
                return [.. _running.Values];
            }
        }
    }

    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_lock)
            {
                return [.. _faults];
            }
        }
    }

    public Task StartAsync(TrialStart start)
    {
        lock (_lock)
        {
            if (start.Attempt.Number > _newest.GetValueOrDefault(start.Attempt.Run))
            {
                _faults.AddRange(
                    _running
                        .Values.Where(other => other.Attempt.Run == start.Attempt.Run)
                        .Select(other => $"{start.Attempt} was started beside {other.Attempt}.")
                );
                _faults.AddRange(
                    _running
                        .Values.Where(other => other.Lease.Devices.Intersect(start.Lease.Devices).Any())
                        .Select(other => $"{start.Attempt} was started on devices of {other.Attempt}.")
                );
                _newest[start.Attempt.Run] = start.Attempt.Number;
                _running[start.Attempt.Run] = start;
                _started.Add(start.Attempt);
            }
        }

        return OnStart(start);
    }

    public Task<TrialEnd> StopAsync(Lease lease)
    {
        var attempt = lease.Attempt;
        lock (_lock)
        {
            _newest[attempt.Run] = Math.Max(attempt.Number, _newest.GetValueOrDefault(attempt.Run));
            if (_running.TryGetValue(attempt.Run, out var start) && start.Attempt.Number <= attempt.Number)
            {
                _running.Remove(attempt.Run);
            }

            return Task.FromResult(_ended.GetValueOrDefault(attempt) ?? new TrialEnd(attempt, TrialEndKind.Stopped));
        }
    }

    /// <summary>The processes of a run are gone.</summary>
    public TrialEnd End(string run, TrialEndKind kind)
    {
        lock (_lock)
        {
            _running.Remove(run, out var start);
            return _ended[start!.Attempt] = new TrialEnd(start.Attempt, kind, "the end");
        }
    }
}
