namespace ClipTrain.DataPipeline.Ordering;

/// <summary>Hashes for reproducible draws: pure functions of their arguments, the same on any machine and in any version.</summary>
internal static class StableHash
{
    /// <summary>FNV-1a (Fowler, Noll, Vo) over UTF-16 code units.</summary>
    public static ulong Of(ReadOnlySpan<char> text)
    {
        var hash = 0xCBF29CE484222325;
        foreach (var c in text)
        {
            hash = (hash ^ c) * 0x100000001B3;
        }

        return hash;
    }

    /// <summary>One key from two.</summary>
    public static ulong Combine(ulong a, ulong b) => Mix(Mix(a) ^ b);

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    public static double Uniform(ulong key) => (Mix(key) >> 11) * (1.0 / (1UL << 53));

    /// <summary>
    /// The finaliser of SplitMix64 (Steele et al., OOPSLA 2014): a bijection in which every output bit depends on every input bit.
    /// </summary>
    public static ulong Finalize(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>SplitMix64's step: the increment keeps 0 from being a fixed point.</summary>
    private static ulong Mix(ulong x) => Finalize(x + 0x9E3779B97F4A7C15);
}
