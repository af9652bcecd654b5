namespace ClipTrain.Cli.Evaluation;

/// <summary>Images with all their captions. Rows with the same key are one image, represented by the first of them.</summary>
/// <param name="rows">Row index, captions and key of each row.</param>
public sealed class CaptionedImages(IEnumerable<(long Index, IReadOnlyList<string> Captions, string? Key)> rows)
{
    private readonly Dictionary<long, IReadOnlyList<string>> _captions = rows.GroupBy(
            row => row.Key ?? $"\0{row.Index}",
            StringComparer.Ordinal
        )
        .ToDictionary(
            image => image.First().Index,
            image => (IReadOnlyList<string>)[.. image.SelectMany(row => row.Captions).Distinct(StringComparer.Ordinal)]
        );

    /// <summary>True if the row represents its image.</summary>
    public bool IsFirst(long index) => _captions.ContainsKey(index);

    public IReadOnlyList<string> CaptionsOf(long index) => _captions[index];
}
