using static ClipTrain.Monitoring.Verdict.Words;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>Phases of rank 0's steps that take more than they should, and the towers, which should take the most.</summary>
internal static class PhaseFindings
{
    /// <summary>Shares of a step from which the optimizer and the loss are worth a change.</summary>
    private const double MuchOptimizer = 0.2,
        MuchLoss = 0.25;

    /// <summary>Largest batch of a rank that may be too small for its device.</summary>
    private const int SmallBatch = 32;

    /// <summary>Share of the machine's peak that towers reach on batches of a hundred pairs.</summary>
    private const double UsualUtilisation = 0.3;

    /// <summary>Smallest advantage of bf16 that makes up for its rounding.</summary>
    private const double WorthRounding = 1.2;

    private const string GlobalBatch = "training.global_batch";

    /// <param name="phases">Mean phases of the steps.</param>
    /// <param name="pairs">Pairs of a rank in a step.</param>
    public static IEnumerable<Finding> Of(StepPhases phases, double pairs)
    {
        double checkpoints = phases.ShareOf("checkpoint"),
            optimizer = phases.ShareOf("optimizer"),
            loss = phases.ShareOf("loss"),
            towers = phases.ImageTower + phases.TextTower;
        yield return Finding.Removable(
            Bound.Checkpoints,
            checkpoints,
            times =>
                $"Writing checkpoints holds the run up {Percent(checkpoints)} of its time: with a larger checkpoint.every_steps, or faster "
                + $"storage for the run's directory, it would be up to {times} as fast."
        ) with
        {
            Key = "checkpoint.every_steps",
        };
        if (optimizer >= MuchOptimizer)
        {
            yield return Finding.Removable(
                Bound.Optimizer,
                optimizer,
                times =>
                    $"The optimizer takes {Percent(optimizer)} of a step, whatever the batch: a larger training.global_batch, or more workers "
                    + $"with training.shard_optimizer, would give up to {times} the pairs a second."
            ) with
            {
                Key = GlobalBatch,
            };
        }

        if (loss >= MuchLoss)
        {
            yield return Finding.Removable(
                Bound.Loss,
                loss,
                times =>
                    $"The loss takes {Percent(loss)} of a step; it grows with the square of training.global_batch. A smaller batch, or more "
                    + $"workers, which share it, would give up to {times} the pairs a second."
            ) with
            {
                Key = GlobalBatch,
            };
        }

        if (phases.Mfu is { } mfu && pairs <= SmallBatch && towers > 0)
        {
            var saved = towers - (mfu / UsualUtilisation);
            yield return Finding.Removable(
                Bound.SmallBatch,
                saved,
                times =>
                    $"Batches of {pairs:F0} pairs a worker are small: the towers compute at {Percent(mfu / towers)} of the machine's peak. A "
                    + $"larger training.global_batch would give up to {times} the pairs a second."
            ) with
            {
                Key = GlobalBatch,
            };
        }
    }

    /// <summary>The larger tower, with the change that shortens it most.</summary>
    public static StepVerdict OfTowers(StepPhases phases, double dataWait, double rankWait)
    {
        var (image, text) = (phases.ImageTower, phases.TextTower);
        var isText = text > image;
        (double Gain, string Key, string Change)[] changes =
        [
            phases.Bf16Speedup is { } speedup and >= WorthRounding
                ? (1 / (1 - image - text + ((image + text) / speedup)), "training.precision", "training.precision: bf16")
                : (0, "", ""),
            isText
                ? (1 / (1 - (text / 2)), "model.text.context", "half of model.text.context")
                : (1 / (1 - (image / 2)), "model.image.patch_dropout", "model.image.patch_dropout: 0.5, at some cost in quality,"),
        ];
        var other = Math.Min(image, text) is > 0 and var least ? $", and {Percent(least)} is the other tower" : "";
        var (gain, key, change) = changes.MaxBy(change => change.Gain);
        return new StepVerdict(
            isText ? Bound.TextTower : Bound.ImageTower,
            dataWait,
            rankWait,
            gain,
            $"The arithmetic of the {(isText ? "text" : "image")} tower limits the run: {Percent(Math.Max(image, text))} of a step{other}. "
                + $"With {change} expect up to {Times(gain)} the pairs a second; otherwise more workers, a faster device or a smaller model "
                + "are what is left."
        )
        {
            Key = key,
        };
    }
}
