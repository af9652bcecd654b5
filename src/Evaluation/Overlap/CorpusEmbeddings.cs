using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>Embeddings of consecutive decodable images of a corpus.</summary>
/// <param name="Samples">Sample index of each row.</param>
/// <param name="Embeddings">Unit embeddings.</param>
public sealed record EmbeddingBlock(long[] Samples, Matrix Embeddings);

/// <summary>
/// Unit embeddings of the decodable images of a training corpus, a batch at a time: neither images nor embeddings of earlier batches are
/// kept. The first complete pass writes them to the cache, later ones read them there.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="corpus">The corpus.</param>
/// <param name="cache">Folder of the cache; null for none.</param>
/// <param name="batch">Number of images to embed at once.</param>
public sealed class CorpusEmbeddings(IEvaluatedModel model, CorpusManifest corpus, string? cache, int batch)
{
    /// <summary>All blocks, in the order of the samples.</summary>
    /// <param name="progress">Receives the number of finished samples and the total.</param>
    /// <exception cref="CorpusException">The corpus cannot be read, or an embedding is not finite.</exception>
    public IEnumerable<EmbeddingBlock> Blocks(Action<long, long> progress)
    {
        var file = cache is null ? null : new EmbeddingFile(Path.Combine(cache, $"{Key}.corpus"));
        return file is null ? Embed(progress)
            : file.IsComplete ? Cached(file, progress)
            : file.Write(Embed(progress));
    }

    private string Key => FeatureCache.Key(model, corpus.Image.ToString(), corpus.Files.Select(found => found.Path));

    private IEnumerable<EmbeddingBlock> Cached(EmbeddingFile file, Action<long, long> progress)
    {
        foreach (var block in file.Read())
        {
            yield return block;
            progress(block.Samples[^1] + 1, corpus.SampleCount);
        }
    }

    private IEnumerable<EmbeddingBlock> Embed(Action<long, long> progress)
    {
        using var reader = new CorpusReader(corpus);
        using var encoder = model.OpenEncoder();
        foreach (var samples in reader.ReadRows(0, checked((int)corpus.SampleCount)).Chunk(batch))
        {
            var encoded = encoder.Encode(Array.ConvertAll(samples, sample => sample.Image.ToArray())).GetAwaiter().GetResult();
            long[] used = [.. samples.Where((_, i) => encoded.Problems[i] is null).Select(sample => sample.Index)];
            for (var row = 0; row < used.Length; row++)
            {
                if (!SetEmbedding.IsFinite(encoded.Embeddings.Row(row)))
                {
                    throw new CorpusException(
                        $"overlaps.model: {model.Name} produces a non-finite embedding for {corpus.Key(used[row])}. Its weights are "
                            + "damaged or training has diverged: name another checkpoint."
                    );
                }
            }

            if (used.Length > 0)
            {
                yield return new EmbeddingBlock(used, encoded.Embeddings);
            }

            progress(samples[^1].Index + 1, corpus.SampleCount);
        }
    }
}
