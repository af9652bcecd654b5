using System.Collections.Concurrent;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Told of progress in embedding and of images that cannot be used.</summary>
public interface IEmbeddingObserver
{
    /// <param name="set">The set's name.</param>
    /// <param name="done">Images done.</param>
    /// <param name="total">Images in all; null where only the end tells.</param>
    void Embedded(string set, long done, long? total);

    /// <summary>A set's features were found in the cache.</summary>
    void Cached(string set, int images);

    /// <summary>An image was left out.</summary>
    void LeftOut(string set, string key, string reason);
}

/// <summary>Decodes the images of a set once, on all cores, and embeds them.</summary>
public static class SetEmbedding
{
    /// <param name="model">The model.</param>
    /// <param name="name">The set's name.</param>
    /// <param name="set">The set.</param>
    /// <param name="batch">Images embedded at once.</param>
    /// <param name="observer">Told of progress.</param>
    /// <exception cref="DataPipeline.Corpus.CorpusException">No image can be used, or an embedding is not finite.</exception>
    public static EmbeddedSet Embed(IEvaluatedModel model, string name, IImageSet set, int batch, IEmbeddingObserver observer)
    {
        using var guard = no_grad();
        using var decoders = new Decoders(model.Transform with { Type = ImageType.Fp32 });
        var size = model.Transform.Size;
        var pixels = new Matrix(batch, 3 * size * size);
        var images = new List<SetImage>();
        var groups = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var (embeddings, features) = (new List<float[]>(), new List<float[]>());
        var (leftOut, done) = (0, 0L);
        foreach (var chunk in Numbered(set, groups).Chunk(batch))
        {
            var hashes = new ulong[chunk.Length];
            var problems = new string?[chunk.Length];
            Parallel.For(0, chunk.Length, i => problems[i] = decoders.Decode(chunk[i].Row.Image, pixels, i, out hashes[i]));
            var good = new List<int>();
            for (var i = 0; i < chunk.Length; i++)
            {
                var (row, number, captions) = chunk[i];
                if (problems[i] is { } problem)
                {
                    leftOut++;
                    observer.LeftOut(name, row.Key, problem);
                    continue;
                }

                if (good.Count < i)
                    pixels.Row(i).CopyTo(pixels.Row(good.Count));
                good.Add(i);
                images.Add(new SetImage(row.Key, number, row.Label, captions, row.Attributes, hashes[i]));
            }

            if (good.Count > 0)
                Encode(model, name, pixels, images.GetRange(images.Count - good.Count, good.Count), embeddings, features);
            done += chunk.Length;
            observer.Embedded(name, done, set.Count);
        }

        return images.Count > 0
            ? new EmbeddedSet(images, Join(embeddings), Join(features), leftOut)
            : throw SetError.Of(name, leftOut > 0 ? $"none of its {leftOut} images can be decoded." : "it holds no images.");
    }

    /// <summary>The rows that stand for their images, numbered; captions of later rows of a group are added to the first.</summary>
    private static IEnumerable<(SetRow Row, long Number, List<string> Captions)> Numbered(
        IImageSet set,
        Dictionary<string, List<string>> groups
    )
    {
        var number = -1L;
        foreach (var row in set.Rows())
        {
            number++;
            if (row.Group is not null && groups.TryGetValue(row.Group, out var captions))
            {
                captions.AddRange(row.Captions.Except(captions, StringComparer.Ordinal));
                continue;
            }

            captions = [.. row.Captions.Distinct(StringComparer.Ordinal)];
            if (row.Group is not null)
                groups.Add(row.Group, captions);
            yield return (row, number, captions);
        }
    }

    private static void Encode(
        IEvaluatedModel model,
        string name,
        Matrix pixels,
        IReadOnlyList<SetImage> images,
        List<float[]> embeddings,
        List<float[]> features
    )
    {
        using var scope = NewDisposeScope();
        var size = model.Transform.Size;
        var (embeddings_bD, features_bF) = model.EncodeImages(pixels.View().narrow(0, 0, images.Count).view([images.Count, 3, size, size]));
        for (var i = 0; i < images.Count; i++)
        {
            embeddings.Add(Row(embeddings_bD, i));
            features.Add(Row(features_bF, i));
            if (
                Array.Exists(embeddings[^1], value => !float.IsFinite(value)) || Array.Exists(features[^1], value => !float.IsFinite(value))
            )
                throw SetError.Of(
                    name,
                    $"{model.Name} gives an embedding that is not finite for {images[i].Key}. The weights are damaged or training has "
                        + "diverged: evaluate another checkpoint."
                );
        }
    }

    private static float[] Row(Tensor rows_bD, int row)
    {
        var width = (int)rows_bD.size(1);
        return rows_bD.AsSpan<float>().Slice(row * width, width).ToArray();
    }

    private static Matrix Join(List<float[]> rows)
    {
        var joined = new Matrix(rows.Count, rows[0].Length);
        for (var i = 0; i < rows.Count; i++)
            rows[i].CopyTo(joined.Row(i));
        return joined;
    }

    /// <summary>A decoder for each thread that decodes.</summary>
    private sealed class Decoders(ImageTransformOptions options) : IDisposable
    {
        private readonly ConcurrentBag<(ClipImageTransform Transform, LuminanceReader Luminance)> _free = [];

        /// <summary>Writes an image as row of a matrix; returns what is wrong with it, or null.</summary>
        public string? Decode(byte[] encoded, Matrix pixels, int row, out ulong hash)
        {
            hash = 0;
            if (!_free.TryTake(out var decoder))
                decoder = (new ClipImageTransform(options), new LuminanceReader());
            try
            {
                decoder.Transform.Evaluate(encoded, System.Runtime.InteropServices.MemoryMarshal.AsBytes(pixels.Row(row)));
                Span<float> luminance = stackalloc float[PerceptualHash.Side * PerceptualHash.Side];
                hash = decoder.Luminance.TryRead(encoded, luminance) ? PerceptualHash.Of(luminance) : 0;
                return null;
            }
            catch (ImageDecodeException e)
            {
                return e.Message;
            }
            finally
            {
                _free.Add(decoder);
            }
        }

        public void Dispose()
        {
            foreach (var (transform, luminance) in _free)
            {
                transform.Dispose();
                luminance.Dispose();
            }
        }
    }
}
