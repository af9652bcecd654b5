namespace ClipTrain.DataPipeline.Loading;

/// <summary>What of a caption is used that has more tokens than fit.</summary>
public enum LongCaptions
{
    /// <summary>Its beginning.</summary>
    Cut,

    /// <summary>Adjacent tokens from a random place, which is a function of seed, epoch and sample.</summary>
    Window,
}
