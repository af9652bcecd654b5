using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A machine whose trials end on demand or when they are stopped, and never share a device.</summary>
internal sealed class FakeTrials : RecordedTrials, ITrialHost
{
    private readonly Dictionary<TrialStart, TaskCompletionSource<TrialEnd>> _ends = [];

    public async Task<TrialEnd> RunAsync(TrialStart start, CancellationToken stop)
    {
        var end = new TaskCompletionSource<TrialEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Gate)
        {
            Begin(start);
            _ends.Add(start, end);
        }

        await using var onStop = stop.Register(() => end.TrySetResult(new TrialEnd(start.Attempt, TrialEndKind.Stopped)));
        var ended = await end.Task;
        lock (Gate)
        {
            Finish(start);
            _ends.Remove(start);
        }

        return ended;
    }

    /// <summary>Completes everything that runs, each with its accuracy.</summary>
    public void CompleteAll(double accuracy)
    {
        lock (Gate)
        {
            foreach (var (start, end) in _ends)
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
