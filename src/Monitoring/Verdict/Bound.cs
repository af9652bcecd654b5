namespace ClipTrain.Monitoring.Verdict;

/// <summary>Bottleneck of a run.</summary>
public enum Bound
{
    /// <summary>Reading row groups.</summary>
    Reading,

    /// <summary>Too few threads that decode images.</summary>
    DecodingThreads,

    /// <summary>Decoding and cropping images on all cores.</summary>
    Decoding,

    /// <summary>Tokenizing captions.</summary>
    Tokenizing,

    /// <summary>One rank that all others wait for.</summary>
    Straggler,

    /// <summary>The exchange between ranks.</summary>
    Exchange,

    /// <summary>Writing checkpoints.</summary>
    Checkpoints,

    /// <summary>Updating the weights.</summary>
    Optimizer,

    /// <summary>The loss and its gradients.</summary>
    Loss,

    /// <summary>Launching operators on batches that are too small for them.</summary>
    SmallBatch,

    /// <summary>The image tower's arithmetic.</summary>
    ImageTower,

    /// <summary>The text tower's arithmetic.</summary>
    TextTower,

    /// <summary>The model's arithmetic, where the towers cannot be told apart.</summary>
    Compute,
}

/// <summary>A cause that makes steps longer.</summary>
/// <param name="Share">Share of a step that would be saved without it.</param>
/// <param name="Gain">Speed-up of the remedy.</param>
/// <param name="Text">Cause and remedy in a sentence.</param>
internal sealed record Finding(Bound Bound, double Share, double Gain, string Text)
{
    /// <summary>The key of the configuration that the remedy changes; null if it is something else.</summary>
    public string? Key { get; init; }

    /// <summary>A finding whose remedy saves the whole share.</summary>
    /// <param name="text">The sentence, given the gain in words.</param>
    public static Finding Removable(Bound bound, double share, Func<string, string> text)
    {
        var gain = 1 / (1 - Math.Min(share, 0.999));
        return new(bound, share, gain, text(Words.Times(gain)));
    }
}
