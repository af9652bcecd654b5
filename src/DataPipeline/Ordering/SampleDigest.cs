namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// A 64-bit digest of an ordered list of samples. Workers report only the digest of the samples in a step; an audit recomputes it from
/// the order and compares.
/// </summary>
public static class SampleDigest
{
    private const ulong Start = 0x9E3779B97F4A7C15;

    /// <summary>The digest of samples in this order.</summary>
    public static ulong Of(ReadOnlySpan<SampleRef> samples)
    {
        var digest = Start ^ (ulong)samples.Length;
        foreach (var sample in samples)
        {
            digest = StableHash.Finalize(StableHash.Finalize(digest ^ (ulong)sample.Epoch) ^ (ulong)sample.Index);
        }

        return digest;
    }
}
