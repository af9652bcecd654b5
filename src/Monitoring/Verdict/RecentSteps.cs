using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>
/// A run's last steps, of which those of the last generation are judged: ranks of different generations are not the same.
/// </summary>
public sealed class RecentSteps
{
    private const int Most = 100;

    private readonly Queue<StepRecord> _steps = new();

    /// <summary>The newest steps of the last generation, in order.</summary>
    public IReadOnlyList<StepRecord> OfLastGeneration =>
        _steps.LastOrDefault() is { } last ? [.. _steps.Where(step => step.Generation == last.Generation)] : [];

    /// <summary>What bounds the run, by these steps; null when there are too few.</summary>
    public StepVerdict? Verdict => StepVerdict.Of(OfLastGeneration);

    public void Add(StepRecord step)
    {
        if (_steps.Count == Most)
            _steps.Dequeue();
        _steps.Enqueue(step);
    }

    public void Clear() => _steps.Clear();
}
