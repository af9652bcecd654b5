namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// 64 bits that stand for a list of samples and their order. A worker tells which samples a step took by the digest alone;
/// an audit computes it again from the order and compares.
/// </summary>
public static class SampleDigest
{
    private const ulong Start = 0x9E3779B97F4A7C15;

    /// <summary>The digest of samples in this order.</summary>
    public static ulong Of(ReadOnlySpan<SampleRef> samples)
    {
        var digest = Start ^ (ulong)samples.Length;
        foreach (var sample in samples)
            digest = Mix(Mix(digest ^ (ulong)sample.Epoch) ^ (ulong)sample.Index);
        return digest;
    }

    /// <summary>The finaliser of SplitMix64 (Steele et al., OOPSLA 2014), a bijection in which every bit depends on every other.</summary>
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
