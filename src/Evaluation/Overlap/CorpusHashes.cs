using System.Numerics;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>Perceptual hashes of the decodable images of a training corpus.</summary>
/// <param name="Hashes">The hashes.</param>
/// <param name="Samples">Sample index of each hash.</param>
public sealed record CorpusHashes(IReadOnlyList<ulong> Hashes, IReadOnlyList<long> Samples)
{
    private const int Batch = 512;

    /// <param name="corpus">The corpus.</param>
    /// <param name="progress">Receives the number of finished samples and the total.</param>
    /// <exception cref="CorpusException">The corpus cannot be read.</exception>
    public static CorpusHashes Of(CorpusManifest corpus, Action<long, long> progress)
    {
        using var reader = new CorpusReader(corpus);
        using var readers = new ThreadLocal<LuminanceReader>(() => new LuminanceReader(), trackAllValues: true);
        var (hashes, samples) = (new List<ulong>(), new List<long>());
        foreach (var batch in reader.ReadRows(0, checked((int)corpus.SampleCount)).Chunk(Batch))
        {
            var found = new ulong?[batch.Length];
            Parallel.For(
                0,
                batch.Length,
                i =>
                {
                    Span<float> luminance = stackalloc float[PerceptualHash.Side * PerceptualHash.Side];
                    if (readers.Value!.TryRead(batch[i].Image.Span, luminance))
                    {
                        found[i] = PerceptualHash.Of(luminance);
                    }
                }
            );
            foreach (var (sample, hash) in batch.Zip(found).Where(pair => pair.Second is not null))
            {
                hashes.Add(hash!.Value);
                samples.Add(sample.Index);
            }

            progress(batch[^1].Index + 1, corpus.SampleCount);
        }

        foreach (var luminance in readers.Values)
        {
            luminance.Dispose();
        }

        return new CorpusHashes(hashes, samples);
    }

    /// <summary>Finds the nearest corpus image of each test image by brute force; empty if the corpus has none.</summary>
    public IReadOnlyList<NearestImage> Nearest(IReadOnlyList<ulong> test)
    {
        if (Hashes.Count == 0)
        {
            return [];
        }

        var nearest = new NearestImage[test.Count];
        ulong[] hashes = [.. Hashes];
        Parallel.For(
            0,
            test.Count,
            i =>
            {
                var (best, distance) = (-1, int.MaxValue);
                for (var j = 0; j < hashes.Length; j++)
                {
                    var bits = BitOperations.PopCount(test[i] ^ hashes[j]);
                    if (bits < distance)
                    {
                        (best, distance) = (j, bits);
                    }
                }

                nearest[i] = new NearestImage(i, Samples[best], distance);
            }
        );
        return nearest;
    }
}
