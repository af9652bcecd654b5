namespace ClipTrain.Cli.Runs;

/// <summary>Which of a corpus' samples were met, a bit a sample.</summary>
internal sealed class SampleSet(long samples)
{
    private readonly ulong[] _bits = new ulong[(samples + 63) / 64];

    public long Count { get; private set; }

    /// <summary>Whether the sample was not in the set.</summary>
    public bool Add(long sample)
    {
        ref var word = ref _bits[sample >> 6];
        var bit = 1UL << (int)(sample & 63);
        if ((word & bit) != 0)
            return false;
        word |= bit;
        Count++;
        return true;
    }
}
