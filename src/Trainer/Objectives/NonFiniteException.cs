namespace ClipTrain.Trainer.Objectives;

/// <summary>Loss or gradients are NaN or infinite. The step was not applied; the state is that of the step before.</summary>
public sealed class NonFiniteException(long step, int rank, string what, IReadOnlyList<string> keys)
    : Exception(
        $"Step {step}, rank {rank}: {what} is not finite; the update was not applied. Samples of this rank's batch: {Shorten(keys)}. "
            + "Lower training.learning_rate, set training.gradient_clip, or look at these samples; then resume."
    )
{
    private const int Shown = 8;

    private static string Shorten(IReadOnlyList<string> keys) =>
        string.Join(", ", keys.Take(Shown)) + (keys.Count > Shown ? $" and {keys.Count - Shown} more" : "");
}
