namespace ClipTrain.DataPipeline.Import;

/// <summary>How thoroughly images are looked at before they are taken.</summary>
public enum ImageVerification
{
    /// <summary>Header and end of JPEG, PNG, WebP and GIF; other formats, and whatever looks odd, are decoded.</summary>
    Header,

    /// <summary>Every image is decoded.</summary>
    Decode,
}

/// <summary>What an import writes, and what it accepts.</summary>
public sealed record ImportOptions
{
    /// <summary>Folder of the corpus; made if it does not exist.</summary>
    public required string OutputDirectory { get; init; }

    /// <summary>
    /// Rows of each file but the last: large enough that a corpus is not many thousand files, small enough that little is lost when an
    /// import is killed.
    /// </summary>
    public int ShardRows { get; init; } = 10_000;

    /// <summary>How images are verified.</summary>
    public ImageVerification Verify { get; init; } = ImageVerification.Header;

    /// <summary>Whether pairs without a caption are taken, as a labelled set for evaluation needs.</summary>
    public bool AllowNoCaption { get; init; }

    /// <summary>More failures than this end the import.</summary>
    public long MaxFailures { get; init; } = long.MaxValue;
}
