namespace ClipTrain.DataPipeline.Import.Csv;

/// <summary>How delimited text is read.</summary>
public sealed record CsvOptions
{
    /// <summary>Header name, or number from 1, of the column with image paths; null to find it by its usual names.</summary>
    public string? ImageColumn { get; init; }

    /// <summary>Header name, or number from 1, of the column with captions; null to find it by its usual names.</summary>
    public string? CaptionColumn { get; init; }

    /// <summary>Null for a tab in files that end in .tsv or .tab, else a comma.</summary>
    public char? Delimiter { get; init; }

    /// <summary>Whether the first line has the columns' names.</summary>
    public bool Header { get; init; } = true;

    /// <summary>Whether a field may be quoted.</summary>
    public bool Quotes { get; init; } = true;

    /// <summary>Folder that paths are relative to; null for the one that the file is in.</summary>
    public string? Root { get; init; }

    internal char DelimiterOf(string file) =>
        Delimiter
        ?? (
            file.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".tab", StringComparison.OrdinalIgnoreCase)
                ? '\t'
                : ','
        );
}
