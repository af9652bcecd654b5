using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>
/// Suspicion of a worker's silence, given how regular its heartbeats were: the φ accrual failure detector of Hayashibara,
/// Défago, Yared and Katayama (2004). φ = −log10 of the probability that a heartbeat still comes after a silence of this
/// length; at φ = 8 one silence in 10⁸ is suspected wrongly. Intervals are taken as normal; the tail of the normal
/// distribution is the logistic approximation of Bowling et al. (2009), which has no underflow at long silences.
/// </summary>
public sealed record PhiAccrualDetector
{
    public const int Window = 20;

    /// <summary>The interval assumed of a worker until it has sent two heartbeats.</summary>
    private const double FirstIntervalSeconds = 1;

    /// <summary>Intervals may be regular by chance: a spread smaller than this is taken as this.</summary>
    private const double LeastDeviationSeconds = 0.2;

    /// <summary>Arrival of the last heartbeat; null before the first.</summary>
    public DateTimeOffset? Last { get; init; }

    /// <summary>Seconds between the last heartbeats, oldest first.</summary>
    public IReadOnlyList<double> Intervals { get; init; } = [];

    /// <summary>The detector after a heartbeat. One that arrives twice at the same time is one.</summary>
    public PhiAccrualDetector Beat(DateTimeOffset now) =>
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

        // A millisecond is exact enough, and short in JSON.
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
