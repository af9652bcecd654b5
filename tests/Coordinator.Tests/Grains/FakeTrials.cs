using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A machine whose trials end on demand or when they are stopped, and never share a device.</summary>
internal sealed class FakeTrials : ITrialHost
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TrialStart, TaskCompletionSource<TrialEnd>> _running = [];
    private readonly List<RunAttempt> _started = [];
    private readonly List<string> _faults = [];

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
                return [.. _running.Keys];
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

    public async Task<TrialEnd> RunAsync(TrialStart start, CancellationToken stop)
    {
        var end = new TaskCompletionSource<TrialEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _faults.AddRange(
                _running
                    .Keys.Where(other => other.Lease.Devices.Intersect(start.Lease.Devices).Any())
                    .Select(other => $"{start.Attempt} was started beside {other.Attempt}.")
            );
            _started.Add(start.Attempt);
            _running.Add(start, end);
        }

        await using var onStop = stop.Register(() => end.TrySetResult(new TrialEnd(start.Attempt, TrialEndKind.Stopped)));
        var ended = await end.Task;
        lock (_lock)
        {
            _running.Remove(start);
        }

        return ended;
    }

    /// <summary>Completes everything that runs, each with its accuracy.</summary>
    public void CompleteAll(double accuracy)
    {
        lock (_lock)
        {
            foreach (var (start, end) in _running)
            {
                end.TrySetResult(
                    new TrialEnd(start.Attempt, TrialEndKind.Completed)
                    {
                        Figures = new Dictionary<string, double>(StringComparer.Ordinal) { ["accuracy"] = accuracy },
                    }
                );
            }
        }
    }
}
