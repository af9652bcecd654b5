using System.Globalization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Alerts;

/// <summary>Something about a run that somebody should look at.</summary>
/// <param name="Step">The step at which it was noticed.</param>
/// <param name="Kind">Name of the rule, as in "loss-spike".</param>
/// <param name="Text">What is wrong, with its figures, and what to try.</param>
public sealed record Alert(long Step, string Kind, string Text);

/// <summary>What the rules need to know of a run.</summary>
/// <param name="GlobalBatch">Pairs in a step.</param>
/// <param name="PeakLearningRate">The schedule's largest rate.</param>
/// <param name="MaxLogitScale">Bound of the logit scale.</param>
/// <param name="IsContrastive">True where a model that knows nothing has a loss of log(global batch).</param>
public sealed record AlertContext(int GlobalBatch, double PeakLearningRate, double MaxLogitScale, bool IsContrastive);

/// <summary>
/// Watches a run's steps. A rule that has spoken is silent until its cause has gone for <see cref="Quiet"/> steps, so that a
/// lasting fault is one alert. Pure: no clock, no disk.
/// </summary>
public sealed class RunAlerts(AlertContext context)
{
    /// <summary>Steps that a figure is averaged over, and that a rule waits for before it judges.</summary>
    private const int Window = 50;

    /// <summary>Steps without a cause before the same rule may speak again.</summary>
    private const int Quiet = 200;

    /// <summary>Steps in which training counts as having begun, in units of the full learning rate: warm-up counts for less.</summary>
    private const double LearningSteps = 100;

    private readonly Queue<StepRecord> _steps = new();
    private readonly Dictionary<string, long> _lastSeen = new(StringComparer.Ordinal);
    private double _lowestLoss = double.PositiveInfinity,
        _learned;

    /// <summary>Takes a step; returns what it gives cause for.</summary>
    public IReadOnlyList<Alert> Observe(StepRecord record)
    {
        _steps.Enqueue(record);
        if (_steps.Count > 2 * Window)
            _steps.Dequeue();
        _learned += context.PeakLearningRate > 0 ? record.Metrics.LearningRate / context.PeakLearningRate : 0;
        var step = record.Metrics.Step;
        var alerts = new List<Alert>();
        foreach (var (kind, text) in Causes())
        {
            if (!_lastSeen.TryGetValue(kind, out var seen) || step - seen > Quiet)
                alerts.Add(new Alert(step, kind, text));
            _lastSeen[kind] = step;
        }

        return alerts;
    }

    private IEnumerable<(string Kind, string Text)> Causes()
    {
        if (_steps.Count < Window)
            return [];
        StepRecord[] recent = [.. _steps.TakeLast(Window)];
        (string, string)?[] causes =
        [
            Loss(recent),
            Chance(recent),
            Gradient(),
            LogitScale(recent),
            DataWait(recent),
            Straggler(recent),
            CutCaptions(recent),
            BadSamples(recent),
        ];
        return causes.OfType<(string, string)>();
    }

    /// <summary>
    /// The loss of the last ten steps against the lowest that any ten steps had: a fifth of it, and more than noise explains. The
    /// noise is that of the older half of the window, which a sudden rise has not reached.
    /// </summary>
    private (string, string)? Loss(StepRecord[] recent)
    {
        var now = recent.TakeLast(10).Average(step => step.Metrics.Loss);
        _lowestLoss = Math.Min(_lowestLoss, now);
        double[] older = [.. _steps.Take(_steps.Count / 2).Select(step => step.Metrics.Loss)];
        var mean = older.Average();
        var noise = Math.Sqrt(older.Average(loss => (loss - mean) * (loss - mean)) / 10);
        var slack = Math.Max(0.2 * Math.Max(_lowestLoss, 0.25 * Math.Log(Math.Max(2, context.GlobalBatch))), 6 * noise);
        return now > _lowestLoss + slack || !double.IsFinite(now)
            ? (
                "loss-spike",
                $"The loss has risen to {Of(now)} from {Of(_lowestLoss)}: lower training.learning_rate or lengthen "
                    + "training.warmup_steps, set training.gradient_clip, or resume from an earlier checkpoint."
            )
            : null;
    }

    private (string, string)? Chance(StepRecord[] recent)
    {
        var chance = Math.Log(Math.Max(2, context.GlobalBatch));
        var now = recent.Average(step => step.Metrics.Loss);
        return context.IsContrastive && _learned > LearningSteps && now > 0.98 * chance
            ? (
                "not-learning",
                $"The loss of {Of(now)} is that of chance ({Of(chance)} for {context.GlobalBatch} pairs): look whether captions belong "
                    + "to their images (cliptrain data view), whether a tower is frozen, and at the learning rate."
            )
            : null;
    }

    /// <summary>Three steps in a row above ten times the median.</summary>
    private (string, string)? Gradient()
    {
        double[] norms = [.. _steps.Select(step => step.Metrics.GradientNorm).Where(norm => norm > 0)];
        if (norms.Length < Window)
            return null;
        var median = norms.Order().ElementAt(norms.Length / 2);
        return norms.TakeLast(3).All(norm => norm > 10 * median)
            ? (
                "gradient-norm",
                $"The gradient norm is {Of(norms[^1])}, its median {Of(median)}: training is about to diverge; set "
                    + "training.gradient_clip or lower the learning rate."
            )
            : null;
    }

    private (string, string)? LogitScale(StepRecord[] recent) =>
        recent.All(step => step.Metrics.LogitScale >= 0.9999 * context.MaxLogitScale)
            ? (
                "logit-scale-bound",
                $"The logit scale has reached its bound of {Of(context.MaxLogitScale)}, as the paper's runs do late; early in a run it "
                    + "means that the loss is lowered by confidence alone."
            )
            : null;

    private static (string, string)? DataWait(StepRecord[] recent)
    {
        var share = recent.Average(step => step.Metrics.DataWaitShare);
        return share > 0.3
            ? (
                "data-wait",
                $"Steps wait for data {share.ToString("P0", CultureInfo.InvariantCulture)} of their time: cliptrain bench loader names "
                    + "the stage that is slow and what to change."
            )
            : null;
    }

    private static (string, string)? Straggler(StepRecord[] recent)
    {
        var generation = recent[^1].Generation;
        StepRecord[] steps =
        [
            .. recent.Where(step =>
                step.Generation == generation && step.Shares.Count > 1 && step.Shares.All(share => share.BusySeconds > 0)
            ),
        ];
        if (steps.Length < Window / 2)
            return null;
        double[] busy =
        [
            .. Enumerable.Range(0, steps[^1].Shares.Count).Select(rank => steps.Average(step => step.Shares[rank].BusySeconds)),
        ];
        var slowest = Array.IndexOf(busy, busy.Max());
        var others = busy.Where((_, rank) => rank != slowest).Average();
        return busy[slowest] > 1.5 * others
            ? (
                "straggler",
                $"Rank {slowest} works {Of(busy[slowest])} s a step, the others {Of(others)} s, and all wait for it: look at its machine "
                    + "(other programs, heat, storage)."
            )
            : null;
    }

    private (string, string)? CutCaptions(StepRecord[] recent)
    {
        var share = recent.Average(step => step.Metrics.TruncatedCaptions / (double)Math.Max(1, step.Shares.Sum(rank => rank.Samples)));
        return share > 0.25 && context.GlobalBatch > 1
            ? (
                "captions-cut",
                $"{share.ToString("P0", CultureInfo.InvariantCulture)} of the captions are longer than the text context and are cut: "
                    + "raise model.text.context, or shorten the captions."
            )
            : null;
    }

    private static (string, string)? BadSamples(StepRecord[] recent)
    {
        long bad = recent.Sum(step => step.Shares.Sum(share => (long)share.BadSamples)),
            all = recent.Sum(step => step.Shares.Sum(share => (long)share.Samples));
        return bad >= 10 && bad > 0.01 * all
            ? ("bad-samples", $"{bad} of the last {all} samples could not be used: cliptrain data verify lists them.")
            : null;
    }

    private static string Of(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
