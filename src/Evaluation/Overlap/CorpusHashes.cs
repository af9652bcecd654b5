using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>Perceptual hashes of the decodable images of a training corpus.</summary>
/// <param name="Hashes">The hashes.</param>
/// <param name="Samples">Sample index of each hash.</param>
/// <param name="Corpus">The corpus.</param>
public sealed record CorpusHashes(IReadOnlyList<ulong> Hashes, IReadOnlyList<long> Samples, CorpusManifest Corpus)
{
    private const int Batch = 512;

    /// <param name="files">Parquet files, folders of them or globs.</param>
    /// <param name="progress">Receives the number of finished samples and the total.</param>
    /// <exception cref="CorpusException">The corpus cannot be read, or has no images.</exception>
    public static CorpusHashes Of(IReadOnlyList<string> files, Action<long, long> progress)
    {
        var corpus = CorpusManifest.Create(files, captionRequired: false);
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

        return hashes.Count > 0
            ? new CorpusHashes(hashes, samples, corpus)
            : throw new CorpusException($"{files[0]}: the training corpus has no decodable images.");
    }
}
