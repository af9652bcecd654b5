namespace ClipTrain.DataPipeline.Selection;

/// <summary>Which of several pairs with the same image are used.</summary>
public enum Deduplication
{
    /// <summary>All of them.</summary>
    None,

    /// <summary>The first of those whose image files are the same in every byte.</summary>
    Exact,

    /// <summary>The first of those whose images look the same; see <see cref="PerceptualHash"/>.</summary>
    Perceptual,
}

/// <summary>Which rows of a corpus are used. The defaults select all whose download did not fail.</summary>
public sealed record SelectionOptions
{
    /// <summary>A SQL condition over the columns, or null.</summary>
    public string? Filter { get; init; }

    public Deduplication Deduplicate { get; init; }

    /// <summary>The queries to balance over; none does not balance.</summary>
    public IReadOnlyList<string> Queries { get; init; } = [];

    /// <summary>Pairs that a query keeps on average, see <see cref="QueryBalance"/>.</summary>
    public int QueryCap { get; init; } = 20_000;

    /// <summary>The share of the rows that are left at the end, in (0, 1].</summary>
    public double Subset { get; init; } = 1;

    /// <summary>Seed of what is drawn.</summary>
    public ulong Seed { get; init; }
}
