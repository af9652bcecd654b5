using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>A change made to a share of the samples, with a strength drawn uniformly from a range.</summary>
/// <param name="Probability">Share of samples that are changed.</param>
/// <param name="Low">Lowest strength.</param>
/// <param name="High">Highest strength.</param>
public sealed record RandomStrength(double Probability, double Low, double High)
{
    /// <summary>No change.</summary>
    public static RandomStrength None { get; } = new(0, 0, 0);

    /// <summary>The strength for this sample; null if it is not to be changed. Draws nothing if the probability is 0.</summary>
    internal double? Draw(ref CounterRandom random) =>
        Probability > 0 && random.NextDouble() < Probability ? random.NextDouble(Low, High) : null;
}
