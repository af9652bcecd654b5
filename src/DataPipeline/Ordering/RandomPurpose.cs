namespace ClipTrain.DataPipeline.Ordering;

/// <summary>Uses of random numbers in a run. Each draws from its own streams under the run's seed; a new use gets a new member.</summary>
public enum RandomPurpose
{
    /// <summary>Crop and colours of a sample in an epoch.</summary>
    Augmentation,

    /// <summary>Choice among a sample's captions in an epoch.</summary>
    CaptionChoice,

    /// <summary>Window of a long caption in an epoch.</summary>
    CaptionWindow,

    /// <summary>Patches of a sample's image kept in an epoch.</summary>
    PatchDropout,

    /// <summary>Order of row groups in an epoch.</summary>
    EpochOrder,

    /// <summary>Order of a row group's samples in an epoch.</summary>
    RowGroupOrder,

    /// <summary>Stochastic rounding of a step's weights.</summary>
    WeightRounding,

    /// <summary>Rows drawn for an inspection of a corpus.</summary>
    Inspection,

    /// <summary>Stochastic rounding of a step's moments.</summary>
    MomentRounding,
}

/// <summary>The random-number streams of a run.</summary>
public static class RandomStreams
{
    /// <summary>Bits that separate purposes: the numbers of samples and row groups are smaller.</summary>
    private const ulong PatchDropoutBit = 1UL << 62,
        RowGroupBit = 1UL << 63;

    /// <summary>The stream for a purpose: a pure function of seed, purpose, time and number.</summary>
    /// <param name="purpose">Use of the numbers.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="time">The epoch; for rounding, the step.</param>
    /// <param name="number">The sample or row group; 0 for purposes with one stream at a time.</param>
    public static CounterRandom Of(RandomPurpose purpose, ulong seed, long time, long number = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(time);
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        var (when, what) = ((ulong)time, (ulong)number);
        return purpose switch
        {
            // The constants are words in ASCII: choice, captions, inspect.
            RandomPurpose.Augmentation => new CounterRandom(seed, when, what),
            RandomPurpose.CaptionChoice => new CounterRandom(seed ^ 0x63686F696365, when, what),
            RandomPurpose.CaptionWindow => new CounterRandom(seed ^ 0x63617074696F6E73, when, what),
            RandomPurpose.PatchDropout => new CounterRandom(seed, when, PatchDropoutBit | what),
            RandomPurpose.EpochOrder => new CounterRandom(seed, when, ulong.MaxValue),
            RandomPurpose.RowGroupOrder => new CounterRandom(seed, when, RowGroupBit | what),
            RandomPurpose.WeightRounding => new CounterRandom(seed, when, ulong.MaxValue - 1),
            RandomPurpose.MomentRounding => new CounterRandom(seed, when, ulong.MaxValue - 2),
            RandomPurpose.Inspection => new CounterRandom(seed, 0x696E7370656374, what),
            _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "This purpose has no stream."),
        };
    }
}
