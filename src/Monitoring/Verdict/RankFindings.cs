using ClipTrain.Coordinator.Protocol;
using static ClipTrain.Monitoring.Verdict.Words;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>How long ranks wait for each other.</summary>
internal sealed class RankFindings
{
    private readonly double[] _busy;
    private readonly double _seconds,
        _most,
        _mean;

    /// <param name="steps">Steps of one generation.</param>
    /// <param name="seconds">Mean time of a step.</param>
    public RankFindings(IReadOnlyList<StepRecord> steps, double seconds)
    {
        (_busy, _seconds) = (Busy(steps), seconds);
        (_most, _mean) = _busy.Length > 0 ? (_busy.Max(), _busy.Average()) : (seconds, seconds);
    }

    /// <summary>Share of a step that the average rank waits for others.</summary>
    public double Wait => Math.Clamp(1 - (_mean / _seconds), 0, 1);

    /// <summary>The busiest rank's wait is the exchange itself; the additional wait of the others is due to that rank.</summary>
    public IEnumerable<Finding> All
    {
        get
        {
            var exchange = Math.Clamp(1 - (_most / _seconds), 0, 1);
            yield return new(
                Bound.Straggler,
                (_most - _mean) / _seconds,
                _most / _mean,
                $"Rank {Array.IndexOf(_busy, _most)} limits the run: it works {Seconds(_most)} per step, the average rank {Seconds(_mean)}. "
                    + $"Free its machine, or remove it: an even pace would be {Times(_most / _mean)} as fast."
            );
            yield return Finding.Removable(
                Bound.Exchange,
                exchange,
                times =>
                    $"The exchange between ranks takes {Percent(exchange)} of a step: a larger batch for each rank, or a faster network "
                    + $"(cluster addresses), would give up to {times} the rate."
            );
        }
    }

    /// <summary>Busy seconds per step of each rank; empty if unknown. A record contains those of the previous step.</summary>
    private static double[] Busy(IReadOnlyList<StepRecord> steps)
    {
        StepRecord[] told =
        [
            .. steps
                .Skip(1)
                .Where(step =>
                    step.Shares.Count > 0 && step.Shares.Count == steps[^1].Shares.Count && step.Shares.All(share => share.BusySeconds > 0)
                ),
        ];
        return told.Length == 0
            ? []
            : [.. Enumerable.Range(0, told[0].Shares.Count).Select(rank => told.Average(step => step.Shares[rank].BusySeconds))];
    }
}
