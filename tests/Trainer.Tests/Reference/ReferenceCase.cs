using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>A model that open_clip has too, and what it is trained on for the comparison.</summary>
/// <param name="Name">What tables and fixtures call it.</param>
/// <param name="Model">Small, unless it is compared live only.</param>
public sealed record ReferenceCase(string Name, ModelOptions Model)
{
    /// <summary>Optimizer steps that are compared.</summary>
    public const int Steps = 5;

    /// <summary>Pairs of the batch, which every step sees.</summary>
    public int Pairs { get; init; } = 8;

    /// <summary>Of the weights and the batch.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether captions fill the context, so that there is no padding to treat in one way or another.</summary>
    public bool FullCaptions { get; init; }

    /// <summary>The learned log of the factor on the cosine similarities, before the first step.</summary>
    public double LogitScale { get; init; } = Math.Log(1 / 0.07);

    /// <summary>open_clip's name for the model where it has its own configuration, which is used then in place of ours.</summary>
    public string? OpenClipName { get; init; }

    /// <summary>
    /// Five steps see the warm-up and the cosine. The epsilon is larger than in training: where a gradient is near zero Adam
    /// makes steps of its rounding, which no two programs share; so a move can be held to the same bar as a gradient.
    /// </summary>
    public TrainingOptions Training { get; init; } =
        new()
        {
            GlobalBatch = 8,
            Steps = 8,
            WarmupSteps = 2,
            LearningRate = 1e-3,
            Epsilon = 1e-4,
        };
}
