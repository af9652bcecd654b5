using System.ComponentModel;

namespace ClipTrain.Evaluation.Overlap;

[Description("A search for test images in a training corpus.")]
public sealed record OverlapOptions
{
    [Description("The set whose images are looked for.")]
    public required string Set { get; init; }

    [Description("The training corpus: Parquet files, folders of them or globs.")]
    public required IReadOnlyList<string> Corpus { get; init; }

    [Description("Bits of 64 in which the perceptual hashes of near-duplicates may differ.")]
    public int Threshold { get; init; } = 6;
}
