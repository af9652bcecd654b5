namespace ClipTrain.Trainer.State;

/// <summary>What a run counts.</summary>
/// <param name="Step">Steps done, skipped ones included.</param>
/// <param name="Samples">Pairs trained on.</param>
/// <param name="BadSamples">Pairs that could not be used.</param>
/// <param name="TrainingSeconds">Wall seconds of training, over all resumes.</param>
public sealed record StateCounters(long Step, long Samples, long BadSamples, double TrainingSeconds)
{
    /// <summary>Steps whose gradients overflowed.</summary>
    public long SkippedSteps { get; init; }

    public required LossScale LossScale { get; init; }

    /// <summary>The counters as numbers that a collective carries.</summary>
    internal long[] ToNumbers() =>
        [
            Step,
            Samples,
            BadSamples,
            BitConverter.DoubleToInt64Bits(TrainingSeconds),
            SkippedSteps,
            BitConverter.DoubleToInt64Bits(LossScale.Factor),
            LossScale.CleanSteps,
        ];

    internal static StateCounters FromNumbers(ReadOnlySpan<long> numbers) =>
        new(numbers[0], numbers[1], numbers[2], BitConverter.Int64BitsToDouble(numbers[3]))
        {
            SkippedSteps = numbers[4],
            LossScale = new LossScale(BitConverter.Int64BitsToDouble(numbers[5]), numbers[6]),
        };
}
