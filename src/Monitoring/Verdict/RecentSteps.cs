using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>A run's last steps. Only those of the last generation are analysed, since ranks differ between generations.</summary>
public sealed class RecentSteps
{
    private const int Most = 100;

    private readonly Queue<StepRecord> _steps = new();

    /// <summary>The newest steps of the last generation, in order.</summary>
    public IReadOnlyList<StepRecord> OfLastGeneration =>
        _steps.LastOrDefault() is { } last ? [.. _steps.Where(step => step.Generation == last.Generation)] : [];

    /// <summary>The bottleneck of the run over these steps; null if there are too few.</summary>
    public StepVerdict? Verdict => StepVerdict.Of(OfLastGeneration);

    /// <summary>Where the time of these steps went; null if none was measured.</summary>
    public StepPhases? Phases => StepPhases.Of(OfLastGeneration);

    /// <summary>Samples of all ranks a second over these steps; null if there are too few.</summary>
    public double? SamplesPerSecond =>
        OfLastGeneration is { Count: > 1 } steps
            ? steps.Sum(step => step.Shares.Sum(share => (double)share.Samples)) / steps.Sum(step => step.Metrics.StepSeconds)
            : null;

    public void Add(StepRecord step)
    {
        if (_steps.Count == Most)
        {
            _steps.Dequeue();
        }

        _steps.Enqueue(step);
    }

    public void Clear() => _steps.Clear();
}
