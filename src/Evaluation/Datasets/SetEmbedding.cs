using System.Collections.Concurrent;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>An image of an embedded set, without its pixels.</summary>
/// <param name="Key">Location of the image.</param>
/// <param name="Row">Index of its row in the set.</param>
/// <param name="Label">Its class label in the set.</param>
/// <param name="Captions">Its captions, including those of later rows of the same group.</param>
/// <param name="Attributes">The values of the set's attribute columns, followed by the group column.</param>
/// <param name="Hash">Its perceptual hash.</param>
public sealed record SetImage(
    string Key,
    long Row,
    string? Label,
    IReadOnlyList<string> Captions,
    IReadOnlyList<string?> Attributes,
    ulong Hash
);

/// <summary>The images of a set with a model's embeddings.</summary>
/// <param name="Images">The usable images.</param>
/// <param name="Embeddings">Unit embeddings, one row per image.</param>
/// <param name="Features">Features before the projection, one row per image.</param>
/// <param name="LeftOut">Number of images that could not be decoded.</param>
public sealed record EmbeddedSet(IReadOnlyList<SetImage> Images, Matrix Embeddings, Matrix Features, int LeftOut);

/// <summary>Receives the progress of embedding and the images that cannot be used.</summary>
public interface IEmbeddingObserver
{
    /// <param name="set">The set's name.</param>
    /// <param name="done">Number of finished images.</param>
    /// <param name="total">Total number of images; null if unknown before the end.</param>
    void Embedded(string set, long done, long? total);

    /// <summary>A set's features were found in the cache.</summary>
    void Cached(string set, int images);

    /// <summary>An image was skipped.</summary>
    void LeftOut(string set, string key, string reason);
}

/// <summary>Decodes the images of a set once, on all cores, and embeds them.</summary>
public static class SetEmbedding
{
    /// <param name="model">The model.</param>
    /// <param name="name">The set's name.</param>
    /// <param name="set">The set.</param>
    /// <param name="batch">Number of images to embed at once.</param>
    /// <param name="observer">Receives progress.</param>
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
                {
                    pixels.Row(i).CopyTo(pixels.Row(good.Count));
                }

                good.Add(i);
                images.Add(new SetImage(row.Key, number, row.Label, captions, row.Attributes, hashes[i]));
            }

            if (good.Count > 0)
            {
                Encode(model, name, pixels, images.GetRange(images.Count - good.Count, good.Count), embeddings, features);
            }

            done += chunk.Length;
            observer.Embedded(name, done, set.Count);
        }

        return images.Count > 0
            ? new EmbeddedSet(images, Join(embeddings), Join(features), leftOut)
            : throw SetError.Of(name, leftOut > 0 ? $"none of its {leftOut} images can be decoded." : "it has no images.");
    }

    /// <summary>The first row of each image, with its index; captions of later rows of a group are added to the first.</summary>
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
            {
                groups.Add(row.Group, captions);
            }

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
            {
                throw SetError.Of(
                    name,
                    $"{model.Name} produces a non-finite embedding for {images[i].Key}. The weights are damaged or training has "
                        + "diverged: evaluate another checkpoint."
                );
            }
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
        {
            rows[i].CopyTo(joined.Row(i));
        }

        return joined;
    }

    /// <summary>A pool of decoders, one per decoding thread.</summary>
    private sealed class Decoders(ImageTransformOptions options) : IDisposable
    {
        private readonly ConcurrentBag<(ClipImageTransform Transform, LuminanceReader Luminance)> _free = [];

        /// <summary>Decodes an image into a row of a matrix. Returns null, or the problem with the image.</summary>
        public string? Decode(byte[] encoded, Matrix pixels, int row, out ulong hash)
        {
            hash = 0;
            if (!_free.TryTake(out var decoder))
            {
                decoder = (new ClipImageTransform(options), new LuminanceReader());
            }

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
