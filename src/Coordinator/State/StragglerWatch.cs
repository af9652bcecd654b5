using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>
/// Finds ranks that hold the others up: those whose median busy time over the last steps is well above the median of the
/// others' medians. Medians, so that a pause or two of any rank change nothing.
/// </summary>
public sealed record StragglerWatch
{
    public const int Window = 20;
    private const double SlowRatio = 1.5;
    private const double LeastSeconds = 0.020;

    /// <summary>Busy seconds by rank of the last steps of this generation, oldest first.</summary>
    public IReadOnlyList<IReadOnlyList<double>> Steps { get; init; } = [];

    /// <summary>The ranks that are slow, in order.</summary>
    public IReadOnlyList<int> Slow { get; init; } = [];

    /// <summary>The watch after another step. A step of which a rank's time is unknown tells nothing.</summary>
    /// <param name="busySeconds">By rank; 0 is unknown.</param>
    public StragglerWatch Observe(IReadOnlyList<double> busySeconds)
    {
        if (busySeconds.Any(seconds => !(seconds > 0)))
        {
            return this;
        }

        var next = this with { Steps = [.. Steps.TakeLast(Window - 1), busySeconds] };
        return next.Steps.Count < Window ? next : next with { Slow = [.. Enumerable.Range(0, busySeconds.Count).Where(next.IsSlow)] };
    }

    /// <summary>How many times the others' time a rank is busy.</summary>
    public double Ratio(int rank) => Typical(rank) / Others(rank);

    private bool IsSlow(int rank) =>
        Steps[0].Count > 1 && Typical(rank) > SlowRatio * Others(rank) && Typical(rank) > Others(rank) + LeastSeconds;

    private double Typical(int rank) => Median([.. Steps.Select(step => step[rank])]);

    private double Others(int rank) => Median([.. Enumerable.Range(0, Steps[0].Count).Where(other => other != rank).Select(Typical)]);

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }
}
