using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A machine whose parts of trials end on demand or when they are stopped, and never share a device.</summary>
internal sealed class FakeTrials : RecordedTrials, ITrialHost
{
    private readonly Dictionary<TrialStart, TaskCompletionSource<TrialEnd>> _ends = [];
    private int _stopping;

    /// <summary>Number of trials that were told to stop.</summary>
    public int Stopping => Volatile.Read(ref _stopping);

    /// <summary>Thrown at every start; null to run the trials.</summary>
    public Exception? Fault { get; set; }

    public async Task<TrialEnd> RunAsync(TrialStart start, CancellationToken stop)
    {
        if (Fault is { } fault)
        {
            throw fault;
        }

        var end = new TaskCompletionSource<TrialEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Gate)
        {
            Begin(start);
            _ends.Add(start, end);
        }

        await using var onStop = stop.Register(() =>
        {
            Interlocked.Increment(ref _stopping);
            _ = StopAsync();
        });
        var ended = await end.Task;
        lock (Gate)
        {
            Finish(start);
            _ends.Remove(start);
        }

        return ended;

        async Task StopAsync()
        {
            await MayStop;
            end.TrySetResult(new TrialEnd(start.Attempt, TrialEndKind.Stopped));
        }
    }

    /// <summary>Time that a stop takes; none by default.</summary>
    public Task MayStop { get; set; } = Task.CompletedTask;

    /// <summary>Completes everything that runs, each with its accuracy.</summary>
    public void CompleteAll(double accuracy) =>
        EndAll(TrialEndKind.Completed, text: null, new Dictionary<string, double>(StringComparer.Ordinal) { ["accuracy"] = accuracy });

    /// <summary>Ends everything that runs.</summary>
    public void EndAll(TrialEndKind kind, string? text, IReadOnlyDictionary<string, double>? figures = null)
    {
        lock (Gate)
        {
            foreach (var (start, end) in _ends)
            {
                end.TrySetResult(new TrialEnd(start.Attempt, kind, text) { Figures = figures });
            }
        }
    }
}
