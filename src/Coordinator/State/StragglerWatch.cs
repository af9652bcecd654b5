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

    /// <summary>Busy seconds by rank of the last steps of this generation, oldest first, to a tenth of a millisecond.</summary>
    public IReadOnlyList<IReadOnlyList<double>> Steps { get; init; } = [];

    /// <summary>The ranks that are slow, in order.</summary>
    public IReadOnlyList<int> Slow { get; init; } = [];

    /// <summary>The watch after another step. A step with an unknown time of some rank tells nothing.</summary>
    /// <param name="busySeconds">By rank; 0 is unknown.</param>
    public StragglerWatch Observe(IReadOnlyList<double> busySeconds)
    {
        if (busySeconds.Any(seconds => !(seconds > 0)))
        {
            return this;
        }

        var next = this with { Steps = [.. Steps.TakeLast(Window - 1), [.. busySeconds.Select(seconds => Math.Round(seconds, 4))]] };
        return next.Steps.Count < Window ? next : next with { Slow = [.. next.FindSlow()] };
    }

    /// <summary>A rank's busy time as a multiple of the others'.</summary>
    public double Ratio(int rank)
    {
        var typical = Typical();
        return typical[rank] / MedianOfOthers([.. typical.Order()], typical[rank]);
    }

    private IEnumerable<int> FindSlow()
    {
        var typical = Typical();
        double[] sorted = [.. typical.Order()];
        for (var rank = 0; rank < typical.Length && typical.Length > 1; rank++)
        {
            var others = MedianOfOthers(sorted, typical[rank]);
            if (typical[rank] > SlowRatio * others && typical[rank] > others + LeastSeconds)
            {
                yield return rank;
            }
        }
    }

    /// <summary>The median busy seconds of each rank.</summary>
    private double[] Typical()
    {
        var typical = new double[Steps[0].Count];
        var seconds = new double[Steps.Count];
        for (var rank = 0; rank < typical.Length; rank++)
        {
            for (var step = 0; step < seconds.Length; step++)
            {
                seconds[step] = Steps[step][rank];
            }

            Array.Sort(seconds);
            typical[rank] = (seconds[(seconds.Length - 1) / 2] + seconds[seconds.Length / 2]) / 2;
        }

        return typical;
    }

    /// <summary>The median of all values but one, which is among them.</summary>
    private static double MedianOfOthers(double[] sorted, double one)
    {
        var left = Array.BinarySearch(sorted, one);
        var count = sorted.Length - 1;
        return (At((count - 1) / 2) + At(count / 2)) / 2;

        double At(int index) => sorted[index < left ? index : index + 1];
    }
}
