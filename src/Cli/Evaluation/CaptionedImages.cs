namespace ClipTrain.Cli.Evaluation;

/// <summary>Images with all of their captions: a row each, or of several rows with one key the first, with the captions of all.</summary>
/// <param name="rows">The rows by their number, with captions and key.</param>
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

    /// <summary>Whether a row stands for its image.</summary>
    public bool IsFirst(long index) => _captions.ContainsKey(index);

    public IReadOnlyList<string> CaptionsOf(long index) => _captions[index];
}
