using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Probes;

/// <summary>Labelled images for a probe.</summary>
/// <param name="Embeddings">Unit embeddings.</param>
/// <param name="Features">Features before the projection.</param>
/// <param name="Labels">A class number a row.</param>
public sealed record ProbeImages(Matrix Embeddings, Matrix Features, int[] Labels)
{
    public ProbeImages Select(IReadOnlyList<int> rows) =>
        new(Embeddings.Select(rows), Features.Select(rows), [.. rows.Select(row => Labels[row])]);

    public ProbeImages With(ProbeImages others) =>
        new(Matrix.Join([Embeddings, others.Embeddings]), Matrix.Join([Features, others.Features]), [.. Labels, .. others.Labels]);
}

/// <summary>Training, validation and test images of a set.</summary>
/// <param name="Train">Training images without the validation images.</param>
/// <param name="Validation">Images for choosing a probe's strength.</param>
/// <param name="Test">Test images.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Seed">Seed of random draws.</param>
public sealed record ProbeData(ProbeImages Train, ProbeImages Validation, ProbeImages Test, int Classes, long Seed)
{
    /// <summary>One image in ten is used for validation if the set has no validation images.</summary>
    private const int ValidationPart = 10;

    /// <exception cref="DataPipeline.Corpus.CorpusException">A class has no training images, or too few to split off validation
    /// images.</exception>
    public static ProbeData Of(SetOptions set, long seed, EmbeddedSet train, EmbeddedSet? validation, EmbeddedSet test, ClassList classes)
    {
        var training = Labelled(set, train, classes, "train");
        var present = training.Labels.Distinct().ToHashSet();
        if (Enumerable.Range(0, classes.Count).FirstOrDefault(c => !present.Contains(c), -1) is var missing && missing >= 0)
        {
            throw SetError.Of(
                set.Name,
                $"no training image is of the class '{classes.Names[missing]}'. Add some, or list the classes to use under subset."
            );
        }

        var held = validation is null ? null : Labelled(set, validation, classes, "validation");
        if (held is null)
        {
            var (kept, taken) = Split(training.Labels, seed);
            if (taken.Count == 0)
            {
                throw SetError.Of(
                    set.Name,
                    $"{training.Labels.Length} training images are too few to split off a tenth for validation; add validation images, or "
                        + $"{ValidationPart} per class."
                );
            }

            (training, held) = (training.Select(kept), training.Select(taken));
        }

        return new ProbeData(training, held, Labelled(set, test, classes, "data"), classes.Count, seed);
    }

    /// <summary>Splits off a random tenth of each class. Both parts are in order.</summary>
    private static (List<int> Kept, List<int> Taken) Split(int[] labels, long seed)
    {
        var random = new Random(unchecked((int)seed));
        var taken = new HashSet<int>();
        foreach (var own in labels.Index().GroupBy(entry => entry.Item, entry => entry.Index).OrderBy(group => group.Key))
        {
            int[] rows = [.. own];
            random.Shuffle(rows);
            taken.UnionWith(rows.Take(rows.Length / ValidationPart));
        }

        return ([.. Enumerable.Range(0, labels.Length).Where(row => !taken.Contains(row))], [.. taken.Order()]);
    }

    private static ProbeImages Labelled(SetOptions set, EmbeddedSet images, ClassList classes, string key)
    {
        var labels = classes.Of(images.Images);
        int[] used = [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] >= 0)];
        if (used.Length == 0)
        {
            throw SetError.Of(set.Name, $"no image of {key} has a label of its classes.");
        }

        return used.Length == labels.Length
            ? new ProbeImages(images.Embeddings, images.Features, labels)
            : new ProbeImages(images.Embeddings, images.Features, labels).Select(used);
    }
}
