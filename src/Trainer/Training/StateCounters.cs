namespace ClipTrain.Trainer.Training;

/// <summary>What a run counts.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Samples">Pairs trained on.</param>
/// <param name="BadSamples">Pairs that could not be used.</param>
/// <param name="TrainingSeconds">Wall seconds of training, over all resumes.</param>
public sealed record StateCounters(long Step, long Samples, long BadSamples, double TrainingSeconds)
{
    /// <summary>The counters as numbers that a collective carries.</summary>
    internal long[] ToNumbers() => [Step, Samples, BadSamples, BitConverter.DoubleToInt64Bits(TrainingSeconds)];

    internal static StateCounters FromNumbers(ReadOnlySpan<long> numbers) =>
        new(numbers[0], numbers[1], numbers[2], BitConverter.Int64BitsToDouble(numbers[3]));
}
