using ClipTrain.Coordinator.Protocol;
using static ClipTrain.Monitoring.Verdict.Words;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>The bottleneck of a run over its last steps, and the most helpful change.</summary>
/// <param name="Bound">The bottleneck.</param>
/// <param name="DataWait">Fraction of a step spent waiting for data.</param>
/// <param name="RankWait">Fraction of a step that the average rank waits for others.</param>
/// <param name="Gain">Speed-up that the change would give at most.</param>
/// <param name="Text">Bottleneck and change in a sentence.</param>
public sealed record StepVerdict(Bound Bound, double DataWait, double RankWait, double Gain, string Text)
{
    /// <summary>The key of the configuration that the change is about; null if it is about something else.</summary>
    public string? Key { get; init; }

    /// <summary>Smallest fraction of a step that is worth a change.</summary>
    private const double Worth = 0.08;

    /// <summary>The verdict over steps of one generation; null if there are fewer than two.</summary>
    /// <param name="steps">Steps in order, without the first ones of a run, which fill caches.</param>
    public static StepVerdict? Of(IReadOnlyList<StepRecord> steps)
    {
        if (steps.Count < 2)
        {
            return null;
        }

        var seconds = steps.Average(step => step.Metrics.StepSeconds);
        var dataWait = steps.Average(step => step.Metrics.DataWaitShare * step.Metrics.StepSeconds) / seconds;
        var ranks = new RankFindings(steps, seconds);
        var phases = StepPhases.Of(steps);
        var pairs = steps.Average(step => step.Shares.Count > 0 ? step.Shares[0].Samples : 0);
        Finding[] findings =
        [
            DataFinding.Of(steps, dataWait),
            .. ranks.All,
            .. phases is { Shares.Count: > 0 } ? PhaseFindings.Of(phases, pairs) : [],
        ];
        return findings.MaxBy(finding => finding.Share) is { Share: >= Worth } worst
                ? new StepVerdict(worst.Bound, dataWait, ranks.Wait, worst.Gain, worst.Text) { Key = worst.Key }
            : phases is { Shares.Count: > 0 } ? PhaseFindings.OfTowers(phases, dataWait, ranks.Wait)
            : new StepVerdict(
                Bound.Compute,
                dataWait,
                ranks.Wait,
                1,
                $"The model's arithmetic limits the run: {Percent(1 - dataWait)} of a step. training.precision: bf16, a larger batch or "
                    + "another device would help; cliptrain bench step shows where the time goes."
            );
    }
}
