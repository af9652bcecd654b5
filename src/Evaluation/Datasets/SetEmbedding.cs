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

/// <summary>Decodes and embeds the images of a set, batch by batch in the order of its rows.</summary>
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
        using var encoder = model.OpenEncoder();
        var images = new List<SetImage>();
        var groups = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var (embeddings, features) = (new List<Matrix>(), new List<Matrix>());
        var pending = new Queue<(NumberedRow[] Rows, Task<EncodedImages> Encoded)>();
        var (leftOut, done) = (0, 0L);
        foreach (var rows in Numbered(set, groups).Chunk(batch))
        {
            pending.Enqueue((rows, encoder.Encode(Array.ConvertAll(rows, row => row.Row.Image))));
            if (pending.Count > encoder.Ahead)
            {
                Take();
            }
        }

        while (pending.Count > 0)
        {
            Take();
        }

        return images.Count > 0
            ? new EmbeddedSet(images, Matrix.Join(embeddings), Matrix.Join(features), leftOut)
            : throw SetError.Of(name, leftOut > 0 ? $"none of its {leftOut} images can be decoded." : "it has no images.");

        void Take()
        {
            var (rows, encoded) = (pending.Peek().Rows, pending.Dequeue().Encoded.GetAwaiter().GetResult());
            var first = images.Count;
            foreach (var (i, (row, number, captions)) in rows.Index())
            {
                if (encoded.Problems[i] is { } problem)
                {
                    leftOut++;
                    observer.LeftOut(name, row.Key, problem);
                    continue;
                }

                images.Add(new SetImage(row.Key, number, row.Label, captions, row.Attributes, encoded.Hashes[i]));
                CheckFinite(model, name, row.Key, encoded, images.Count - 1 - first);
            }

            if (images.Count > first)
            {
                embeddings.Add(encoded.Embeddings);
                features.Add(encoded.Features);
            }

            done += rows.Length;
            observer.Embedded(name, done, set.Count);
        }
    }

    /// <summary>The first row of each image, with its index; captions of later rows of a group are added to the first.</summary>
    private static IEnumerable<NumberedRow> Numbered(IImageSet set, Dictionary<string, List<string>> groups)
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

            yield return new NumberedRow(row, number, captions);
        }
    }

    private static void CheckFinite(IEvaluatedModel model, string name, string key, EncodedImages encoded, int row)
    {
        if (!IsFinite(encoded.Embeddings.Row(row)) || !IsFinite(encoded.Features.Row(row)))
        {
            throw SetError.Of(
                name,
                $"{model.Name} produces a non-finite embedding for {key}. The weights are damaged or training has "
                    + "diverged: evaluate another checkpoint."
            );
        }
    }

    internal static bool IsFinite(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (!float.IsFinite(value))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The first row of an image.</summary>
    /// <param name="Row">The row.</param>
    /// <param name="Number">Its index in the set.</param>
    /// <param name="Captions">The image's captions; grows while later rows of the same group are read.</param>
    private sealed record NumberedRow(SetRow Row, long Number, List<string> Captions);
}
