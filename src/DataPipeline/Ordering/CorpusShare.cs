namespace ClipTrain.DataPipeline.Ordering;

/// <summary>A corpus of a mixture.</summary>
/// <param name="RowGroupRows">Rows of each of its row groups, in order.</param>
/// <param name="Weight">Its share of the stream, relative to the others'.</param>
public sealed record CorpusShare(IReadOnlyList<int> RowGroupRows, double Weight)
{
    /// <summary>A corpus's share of the stream by the rule of its mixture.</summary>
    /// <param name="rowGroupRows">Rows of each of its row groups, in order.</param>
    /// <param name="weight">The weight that it was given.</param>
    /// <param name="sampling">The rule.</param>
    /// <param name="temperature">T of <see cref="MixtureSampling.Temperature"/>; 1 is proportional, infinity is fixed.</param>
    public static CorpusShare Of(IReadOnlyList<int> rowGroupRows, double weight, MixtureSampling sampling, double temperature)
    {
        var samples = (double)rowGroupRows.Sum(rows => (long)rows);
        return new CorpusShare(
            rowGroupRows,
            weight
                * sampling switch
                {
                    MixtureSampling.Proportional => samples,
                    MixtureSampling.Fixed => 1,
                    MixtureSampling.Temperature => Math.Pow(samples, 1 / temperature),
                    _ => throw new ArgumentOutOfRangeException(nameof(sampling)),
                }
        );
    }
}
