namespace ClipTrain.Trainer.InitialWeights;

/// <summary>Where a tensor's first values come from.</summary>
public enum TensorOrigin
{
    /// <summary>The file, as they are.</summary>
    Loaded,

    /// <summary>The file, for another resolution, context or vocabulary.</summary>
    Resized,

    /// <summary>The run's seed.</summary>
    Fresh,

    /// <summary>None: it is in the file alone.</summary>
    Unused,
}

/// <summary>What becomes of one tensor when a run starts from weights.</summary>
/// <param name="Name">Its name in open_clip's state dict.</param>
/// <param name="Origin">Where its values come from.</param>
/// <param name="From">Its shape in the file; null where it is not there.</param>
/// <param name="To">Its shape in the model; null where it is not there.</param>
/// <param name="Note">How it was resized, or why it is fresh.</param>
public sealed record TensorStart(string Name, TensorOrigin Origin, IReadOnlyList<long>? From, IReadOnlyList<long>? To, string? Note = null)
{
    public override string ToString() =>
        Origin == TensorOrigin.Resized ? $"{Name} [{string.Join(", ", From!)}] → [{string.Join(", ", To!)}], {Note}"
        : Note is null ? Name
        : $"{Name} ({Note})";
}
