namespace ClipTrain.Trainer.Checkpoints;

/// <summary>Which checkpoints stay when a new one is written: the newest, and those that the run may yet go back to.</summary>
/// <param name="Keep">Number of checkpoints to keep.</param>
public sealed record Retention(int Keep)
{
    /// <summary>Steps before a noticed rise of the loss that count as its cause: the rise is noticed in a mean over ten steps.</summary>
    public const int BlamedSteps = 20;

    /// <summary>
    /// The last step known not to have diverged. A later one may yet show a divergence, and the run then goes back to the last checkpoint
    /// before the steps blamed for it. Null if the run never goes back.
    /// </summary>
    public long? SoundStep { get; init; }

    /// <summary>The checkpoints to delete.</summary>
    /// <param name="steps">Steps that have a checkpoint, in ascending order.</param>
    public IEnumerable<long> Superfluous(IReadOnlyList<long> steps)
    {
        var earliestGoal = SoundStep is { } sound ? steps.LastOrDefault(step => step <= sound - BlamedSteps) : long.MaxValue;
        return steps.SkipLast(Keep).Where(step => step < earliestGoal);
    }
}
