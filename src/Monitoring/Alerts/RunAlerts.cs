using System.Globalization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Monitoring.Alerts;

/// <summary>A problem in a run that needs attention.</summary>
/// <param name="Step">The step at which it was detected.</param>
/// <param name="Kind">Name of the rule, such as "loss-spike".</param>
/// <param name="Text">The problem with its figures, and what to try.</param>
public sealed record Alert(long Step, string Kind, string Text);

/// <summary>Properties of a run that the rules need.</summary>
/// <param name="GlobalBatch">Pairs per step.</param>
/// <param name="PeakLearningRate">The largest learning rate of the schedule.</param>
/// <param name="MaxLogitScale">Upper bound of the logit scale.</param>
/// <param name="IsContrastive">True if an untrained model has a loss of log(global batch).</param>
public sealed record AlertContext(int GlobalBatch, double PeakLearningRate, double MaxLogitScale, bool IsContrastive);

/// <summary>
/// Watches a run's steps. After an alert a rule stays silent until its cause has been absent for <see cref="Quiet"/> steps, so a lasting
/// problem causes one alert. Pure: no clock, no disk.
/// </summary>
public sealed class RunAlerts(AlertContext context)
{
    /// <summary>Kind of the alert about a loss that rises.</summary>
    public const string LossSpike = "loss-spike";

    /// <summary>Number of steps over which figures are averaged; rules apply after this many steps.</summary>
    private const int Window = 50;

    /// <summary>Number of steps without a cause before a rule may raise an alert again.</summary>
    private const int Quiet = 200;

    /// <summary>Steps after which a model should have learned something, in units of the full learning rate: warm-up counts less.</summary>
    private const double LearningSteps = 100;

    private readonly Queue<StepRecord> _steps = new();
    private readonly TowerRules _towers = new();
    private readonly Dictionary<string, long> _lastSeen = new(StringComparer.Ordinal);
    private double _lowestLoss = double.PositiveInfinity,
        _learned;

    /// <summary>Processes a step and returns new alerts.</summary>
    public IReadOnlyList<Alert> Observe(StepRecord record)
    {
        // A step that changed no weight repeats the loss before it.
        if (record.Metrics is { GradientNorm: 0, LearningRate: 0 })
        {
            return [];
        }

        _steps.Enqueue(record);
        if (_steps.Count > 2 * Window)
        {
            _steps.Dequeue();
        }

        _learned += context.PeakLearningRate > 0 ? record.Metrics.LearningRate / context.PeakLearningRate : 0;
        var step = record.Metrics.Step;
        var alerts = new List<Alert>();
        foreach (var (kind, text) in Causes())
        {
            if (!_lastSeen.TryGetValue(kind, out var seen) || step - seen > Quiet)
            {
                alerts.Add(new Alert(step, kind, text));
            }

            _lastSeen[kind] = step;
        }

        return alerts;
    }

    private IEnumerable<(string Kind, string Text)> Causes()
    {
        if (_steps.Count < Window)
        {
            return [];
        }

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
            .. _learned > LearningSteps ? _towers.Causes(_steps) : [],
        ];
        return causes.OfType<(string, string)>();
    }

    /// <summary>
    /// Detects a loss over the last ten steps that exceeds the lowest ten-step mean by a fifth, and by more than noise explains. The
    /// noise is estimated from the older half of the window, which a sudden rise has not reached.
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
                LossSpike,
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
                $"The loss of {Of(now)} is at chance level ({Of(chance)} for {context.GlobalBatch} pairs): check that captions match "
                    + "their images (cliptrain data view), that no tower is frozen by mistake, and the learning rate."
            )
            : null;
    }

    /// <summary>Detects three consecutive steps with a norm above ten times the median.</summary>
    private (string, string)? Gradient()
    {
        double[] norms = [.. _steps.Select(step => step.Metrics.GradientNorm).Where(norm => norm > 0)];
        if (norms.Length < Window)
        {
            return null;
        }

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
                    + "means that only confidence lowers the loss."
            )
            : null;

    private static (string, string)? DataWait(StepRecord[] recent)
    {
        var share = recent.Average(step => step.Metrics.DataWaitShare);
        return share > 0.3
            ? (
                "data-wait",
                $"Steps wait for data {share.ToString("P0", CultureInfo.InvariantCulture)} of their time: cliptrain bench data names "
                    + "the slow stage and the remedy."
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
        {
            return null;
        }

        double[] busy =
        [
            .. Enumerable.Range(0, steps[^1].Shares.Count).Select(rank => steps.Average(step => step.Shares[rank].BusySeconds)),
        ];
        var slowest = Array.IndexOf(busy, busy.Max());
        var others = busy.Where((_, rank) => rank != slowest).Average();
        return busy[slowest] > 1.5 * others
            ? (
                "straggler",
                $"Rank {slowest} works {Of(busy[slowest])} s per step, the others {Of(others)} s, and all wait for it: check its machine "
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
                $"{share.ToString("P0", CultureInfo.InvariantCulture)} of the captions exceed the text context and are truncated: "
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
