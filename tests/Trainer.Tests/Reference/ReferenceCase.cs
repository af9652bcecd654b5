using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>A model that open_clip supports too, and its training setup for the comparison.</summary>
/// <param name="Name">Name in tables and fixtures.</param>
/// <param name="Model">Small, unless it is compared only live.</param>
public sealed record ReferenceCase(string Name, ModelOptions Model)
{
    /// <summary>Number of optimizer steps compared.</summary>
    public const int Steps = 5;

    /// <summary>Pairs per batch; every step uses the same batch.</summary>
    public int Pairs { get; init; } = 8;

    /// <summary>Seed of the weights and the batch.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>True if captions fill the context, so that there is no padding to treat differently.</summary>
    public bool FullCaptions { get; init; }

    /// <summary>Initial value of the log of the logit scale.</summary>
    public double LogitScale { get; init; } = Math.Log(1 / 0.07);

    /// <summary>open_clip's name of the model if it has its own configuration, which then replaces the exported one.</summary>
    public string? OpenClipName { get; init; }

    /// <summary>
    /// Five steps cover warm-up and cosine decay. Epsilon is larger than in training: for gradients near zero Adam turns rounding
    /// into steps, which no two programs share. With it, weight changes can be held to the same tolerance as gradients.
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
