namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Which columns of a corpus are used.</summary>
public sealed record CorpusColumns
{
    /// <summary>The image column; null finds it by its usual names.</summary>
    public string? Image { get; init; }

    /// <summary>The caption columns in the order of their priority; none finds one by its usual names.</summary>
    public IReadOnlyList<string> Captions { get; init; } = [];

    /// <summary>False for a corpus that may have no captions, such as a labelled one.</summary>
    public bool CaptionRequired { get; init; } = true;

    /// <summary>Whether all of a pair's captions are read, for one to be chosen in each epoch.</summary>
    public bool EveryCaption { get; init; }
}
