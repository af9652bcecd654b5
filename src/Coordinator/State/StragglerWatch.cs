namespace ClipTrain.Coordinator.State;

/// <summary>
/// Detects slow ranks: those whose median busy time over the last steps is well above the median of the others' medians. Medians make
/// the result robust to occasional pauses.
/// </summary>
public sealed record StragglerWatch
{
    public const int Window = 20;
    private const double SlowRatio = 1.5;
    private const double LeastSeconds = 0.020;

    /// <summary>Busy seconds of the last steps by rank, oldest first, rounded to 0.1 ms.</summary>
    public IReadOnlyList<IReadOnlyList<double>> Steps { get; init; } = [];

    /// <summary>The slow ranks, in ascending order.</summary>
    public IReadOnlyList<int> Slow { get; init; } = [];

    /// <summary>The watch after another step. A step in which some rank's time is unknown is ignored.</summary>
    /// <param name="busySeconds">By rank; 0 if unknown.</param>
    public StragglerWatch Observe(IReadOnlyList<double> busySeconds)
    {
        if (busySeconds.Any(seconds => !(seconds > 0)))
        {
            return this;
        }

        var next = this with { Steps = [.. Steps.TakeLast(Window - 1), [.. busySeconds.Select(seconds => Math.Round(seconds, 4))]] };
        return next.Steps.Count < Window ? next : next with { Slow = [.. next.FindSlow()] };
    }

    /// <summary>A rank's busy time relative to the others'.</summary>
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

    /// <summary>The median of all values except one of them.</summary>
    private static double MedianOfOthers(double[] sorted, double one)
    {
        var left = Array.BinarySearch(sorted, one);
        var count = sorted.Length - 1;
        return (At((count - 1) / 2) + At(count / 2)) / 2;

        double At(int index) => sorted[index < left ? index : index + 1];
    }
}
