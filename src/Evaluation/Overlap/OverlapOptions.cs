using System.ComponentModel;
using System.Globalization;

namespace ClipTrain.Evaluation.Overlap;

[Description("A search for test images in a training corpus.")]
public sealed record OverlapOptions
{
    [Description("The set whose images to search for.")]
    public required string Set { get; init; }

    [Description("Name of the search in results, needed by all but one of several searches for the same set.")]
    public string? Name { get; init; }

    [Description("The training corpus: Parquet files, folders of them or globs.")]
    public required IReadOnlyList<string> Corpus { get; init; }

    [Description(
        "A model whose embeddings find near-duplicates: a run of training.objective two_views, as configs/near-duplicates.yaml "
            + "trains, or its checkpoint. Other models with image embeddings also find other pictures of the same things. Perceptual "
            + "hashes if empty."
    )]
    public string? Model { get; init; }

    [Description("Without model: maximum number of differing bits (of 64) of the perceptual hashes of near-duplicates; 6 by default.")]
    public int? Threshold { get; init; }

    [Description("With model: minimum cosine of the embeddings of near-duplicates; 0.9 by default.")]
    public double? Similarity { get; init; }
}

/// <summary>The measure of a search: bits of perceptual hashes, or cosines of embeddings.</summary>
public static class OverlapMeasure
{
    /// <summary>Number of bits of a perceptual hash.</summary>
    public const int Bits = 64;

    private const int DefaultBits = 6;
    private const double DefaultCosine = 0.9;

    /// <summary>Largest <see cref="NearestImage.Distance"/> of near-duplicates.</summary>
    public static double MaxDistance(this OverlapOptions options) =>
        options.Model is null ? options.Threshold ?? DefaultBits : 1 - (options.Similarity ?? DefaultCosine);

    /// <summary>Task of the search's result rows.</summary>
    public static string Task(this OverlapOptions options) => options.Name is null ? "overlap" : $"overlap {options.Name}";

    /// <summary>A distance as readers know it.</summary>
    public static string Words(this OverlapOptions options, double distance) =>
        options.Model is null
            ? string.Create(CultureInfo.InvariantCulture, $"{distance:0} bits")
            : string.Create(CultureInfo.InvariantCulture, $"cosine {1 - distance:0.000}");

    /// <summary>Why a search cannot be made; null if it can.</summary>
    internal static string? Problem(this OverlapOptions options) =>
        options switch
        {
            { Name: "" } => "overlaps.name is empty; give the search a name, or leave the key out.",
            { Model: "" } => "overlaps.model is empty; name a run, or leave it out to search by perceptual hash.",
            { Model: not null, Threshold: not null } =>
                "overlaps.threshold counts bits of perceptual hashes; with overlaps.model, set overlaps.similarity.",
            { Model: null, Similarity: not null } => "overlaps.similarity needs overlaps.model, the model whose embeddings are compared.",
            { Threshold: < 0 or > Bits } => $"overlaps.threshold is {options.Threshold}; it must be between 0 and {Bits} bits.",
            { Similarity: { } cosine } when !(cosine is > -1 and <= 1) => string.Create(
                CultureInfo.InvariantCulture,
                $"overlaps.similarity is {cosine}; it must be above -1 and at most 1."
            ),
            _ => null,
        };
}
