using System.ComponentModel;

namespace ClipTrain.Evaluation.Probes;

/// <summary>A published way to train a linear probe.</summary>
public enum ProbeProtocol
{
    Paper,
    Readme,
    ClipBenchmark,
}

[Description("How linear probes are trained.")]
public sealed record ProbeOptions
{
    [Description(
        "paper: features before the projection, strength searched on validation images, refit on both; readme: embeddings, C = 0.316; "
            + "clip_benchmark: unit embeddings, AdamW, weight decay searched."
    )]
    public ProbeProtocol Protocol { get; init; }
}

[Description("How few-shot probes are trained.")]
public sealed record FewShotOptions
{
    [Description("Numbers of images a class.")]
    public IReadOnlyList<int> Shots { get; init; } = [1, 2, 4, 8, 16];

    [Description("Draws of the images; figures are means over them.")]
    public int Seeds { get; init; } = 3;
}
