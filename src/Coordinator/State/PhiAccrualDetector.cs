namespace ClipTrain.Coordinator.State;

/// <summary>
/// Failure detector for one worker: the φ accrual failure detector of Hayashibara, Défago, Yared and Katayama (2004). φ = −log10 of the
/// probability that a heartbeat still arrives after a silence of this length, so φ = 8 suspects one silence in 10⁸ wrongly. Intervals
/// are assumed to be normally distributed; the tail uses the logistic approximation of Bowling et al. (2009), which does not underflow
/// at long silences.
/// </summary>
public sealed record PhiAccrualDetector
{
    public const int Window = 20;

    /// <summary>Assumed interval until a worker has sent two heartbeats.</summary>
    private const double FirstIntervalSeconds = 1;

    /// <summary>Lower bound of the standard deviation, since intervals may be regular by chance.</summary>
    private const double LeastDeviationSeconds = 0.2;

    /// <summary>Arrival of the last heartbeat; null before the first.</summary>
    public DateTimeOffset? Last { get; init; }

    /// <summary>Seconds between the last heartbeats, oldest first.</summary>
    public IReadOnlyList<double> Intervals { get; init; } = [];

    /// <summary>The detector after a heartbeat. Heartbeats at the same time count once.</summary>
    public PhiAccrualDetector RecordHeartbeat(DateTimeOffset now) =>
        Last switch
        {
            null => this with { Last = now },
            { } last when now <= last => this,
            { } last => new() { Last = now, Intervals = Append((now - last).TotalSeconds) },
        };

    private double[] Append(double interval)
    {
        var kept = Math.Min(Intervals.Count, Window - 1);
        var next = new double[kept + 1];
        for (var i = 0; i < kept; i++)
        {
            next[i] = Intervals[Intervals.Count - kept + i];
        }

        // Milliseconds are precise enough, and short in JSON.
        next[kept] = Math.Round(interval, 3);
        return next;
    }

    /// <summary>φ at this time; 0 before the first heartbeat.</summary>
    public double Phi(DateTimeOffset now)
    {
        if (Last is not { } last)
        {
            return 0;
        }

        var mean = Intervals.Count > 0 ? Intervals.Average() : FirstIntervalSeconds;
        var variance = Intervals.Count > 0 ? Intervals.Average(interval => (interval - mean) * (interval - mean)) : 0;
        var deviations = ((now - last).TotalSeconds - mean) / Math.Max(Math.Sqrt(variance), LeastDeviationSeconds);
        var logit = deviations * (1.5976 + (0.070566 * deviations * deviations));

        // log10(1 + e^logit), of which e^logit alone overflows.
        return (Math.Max(logit, 0) + Math.Log(1 + Math.Exp(-Math.Abs(logit)))) / Math.Log(10);
    }
}
