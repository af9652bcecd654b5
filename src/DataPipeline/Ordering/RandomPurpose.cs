namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// What a run draws random numbers for. Each has streams of its own under one seed; whoever draws for something new adds it here.
/// </summary>
public enum RandomPurpose
{
    /// <summary>A sample's crop and colours in an epoch.</summary>
    Augmentation,

    /// <summary>Which of a sample's captions an epoch sees.</summary>
    CaptionChoice,

    /// <summary>Which part of a long caption an epoch sees.</summary>
    CaptionWindow,

    /// <summary>Which patches of a sample's image an epoch sees.</summary>
    PatchDropout,

    /// <summary>The order of row groups in an epoch.</summary>
    EpochOrder,

    /// <summary>The order of a row group's samples in an epoch.</summary>
    RowGroupOrder,

    /// <summary>The stochastic rounding of a step's weights.</summary>
    WeightRounding,

    /// <summary>Which rows of a corpus are looked at.</summary>
    Inspection,

    /// <summary>The stochastic rounding of a step's moments.</summary>
    MomentRounding,
}

/// <summary>The streams of a run's random numbers.</summary>
public static class RandomStreams
{
    /// <summary>Samples and row groups have smaller numbers; the bits above tell purposes apart.</summary>
    private const ulong PatchDropoutBit = 1UL << 62,
        RowGroupBit = 1UL << 63;

    /// <summary>The stream of a purpose: a pure function of the seed and what it is drawn for.</summary>
    /// <param name="purpose">What the numbers are for.</param>
    /// <param name="seed">The run's.</param>
    /// <param name="time">An epoch; of roundings, a step.</param>
    /// <param name="number">A sample or a row group; 0 where a purpose has one stream at a time.</param>
    public static CounterRandom Of(RandomPurpose purpose, ulong seed, long time, long number = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(time);
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        var (when, what) = ((ulong)time, (ulong)number);
        return purpose switch
        {
            // Words in ASCII: choice, captions, inspect.
            RandomPurpose.Augmentation => new CounterRandom(seed, when, what),
            RandomPurpose.CaptionChoice => new CounterRandom(seed ^ 0x63686F696365, when, what),
            RandomPurpose.CaptionWindow => new CounterRandom(seed ^ 0x63617074696F6E73, when, what),
            RandomPurpose.PatchDropout => new CounterRandom(seed, when, PatchDropoutBit | what),
            RandomPurpose.EpochOrder => new CounterRandom(seed, when, ulong.MaxValue),
            RandomPurpose.RowGroupOrder => new CounterRandom(seed, when, RowGroupBit | what),
            RandomPurpose.WeightRounding => new CounterRandom(seed, when, ulong.MaxValue - 1),
            RandomPurpose.MomentRounding => new CounterRandom(seed, when, ulong.MaxValue - 2),
            RandomPurpose.Inspection => new CounterRandom(seed, 0x696E7370656374, what),
            _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "It has no stream."),
        };
    }
}
