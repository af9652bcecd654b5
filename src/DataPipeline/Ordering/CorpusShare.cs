namespace ClipTrain.DataPipeline.Ordering;

/// <summary>A corpus of a mixture.</summary>
/// <param name="RowGroupRows">Rows of each of its row groups, in order.</param>
/// <param name="Weight">Its share of the stream, relative to the other corpora.</param>
public sealed record CorpusShare(IReadOnlyList<int> RowGroupRows, double Weight)
{
    /// <summary>A corpus's share of the stream under a sampling rule.</summary>
    /// <param name="rowGroupRows">Rows of each of its row groups, in order.</param>
    /// <param name="weight">The configured weight.</param>
    /// <param name="sampling">The sampling rule.</param>
    /// <param name="temperature">T of <see cref="MixtureSampling.Temperature"/>; 1 equals proportional, infinity equals fixed.</param>
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

/// <summary>The rule by which the corpora of a mixture share the stream.</summary>
public enum MixtureSampling
{
    /// <summary>
    /// Size times weight. With equal weights all corpora advance through their epochs at the same rate, as one corpus would.
    /// </summary>
    Proportional,

    /// <summary>Weight alone.</summary>
    Fixed,

    /// <summary>
    /// Size to the power 1/T, times weight: between the other two (Devlin 2018, multilingual BERT; Conneau et al. 2020).
    /// </summary>
    Temperature,
}
