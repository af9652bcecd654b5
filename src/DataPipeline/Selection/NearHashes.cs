using System.Numerics;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// A growing set of 64-bit hashes with a search for near ones. Two hashes that differ in at most <see cref="Radius"/> bits agree in one
/// of Radius + 1 bands of bits, so only hashes that share a band are compared (Manku et al., WWW 2007).
/// </summary>
public sealed class NearHashes
{
    /// <summary>
    /// Largest Hamming distance of near hashes. Half of a <see cref="PerceptualHash"/>'s bits are set, so distances are even; for one
    /// picture in two sizes and qualities they are mostly 0 to 4, for two pictures about 32.
    /// </summary>
    public const int Radius = 4;

    private const int Bands = Radius + 1;

    private readonly Dictionary<ulong, List<ulong>>[] _buckets =
    [
        .. Enumerable.Range(0, Bands).Select(_ => new Dictionary<ulong, List<ulong>>()),
    ];

    /// <summary>Adds a hash unless a near one is present; returns false in that case.</summary>
    public bool Add(ulong hash)
    {
        for (var band = 0; band < Bands; band++)
        {
            if (
                _buckets[band].TryGetValue(Band(hash, band), out var bucket)
                && bucket.Exists(other => BitOperations.PopCount(other ^ hash) <= Radius)
            )
            {
                return false;
            }
        }

        for (var band = 0; band < Bands; band++)
        {
            if (!_buckets[band].TryGetValue(Band(hash, band), out var bucket))
            {
                _buckets[band].Add(Band(hash, band), bucket = []);
            }

            bucket.Add(hash);
        }

        return true;
    }

    private static ulong Band(ulong hash, int band)
    {
        int first = band * 64 / Bands,
            end = (band + 1) * 64 / Bands;
        return (hash >> first) & ((1UL << (end - first)) - 1);
    }
}
