namespace ClipTrain.DataPipeline.Loading;

/// <summary>Which of a pair's captions is used where there are several.</summary>
public enum CaptionMode
{
    /// <summary>The first that is not blank.</summary>
    First,

    /// <summary>One by chance, drawn anew in each epoch.</summary>
    Random,

    /// <summary>Each in turn, one an epoch.</summary>
    All,
}
