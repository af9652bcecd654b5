namespace ClipTrain.DataPipeline.Import;

/// <summary>A source whose samples are files of one name: an image with a text, a JSON object or a class beside it.</summary>
public abstract class SampleFileSource : ImportSource
{
    private readonly bool _isLineEach;

    /// <param name="kind">Kind of import, as in <c>cliptrain data import KIND</c>.</param>
    /// <param name="caption">Extension or JSON field that holds the caption; null for the usual ones.</param>
    /// <param name="isLineEach">True if each line of a text is a caption.</param>
    private protected SampleFileSource(string kind, string? caption, bool isLineEach)
    {
        (Caption, _isLineEach) = (caption, isLineEach);
        Arguments = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["import"] = kind,
            ["--caption"] = caption ?? "",
            ["--caption-lines"] = isLineEach ? "true" : "false",
        };
    }

    public override IReadOnlyDictionary<string, string> Arguments { get; }

    private protected string? Caption { get; }

    internal override IReadOnlyList<string> ExtraNames() => NamesOfFirstRows();

    internal override bool HasSeveralCaptions() => FirstRows().Any(row => row.Captions.Count > 1);

    /// <inheritdoc cref="SampleFiles.ToRow"/>
    private protected ImportRow ToRow(string key, IReadOnlyList<SampleFile> files) => SampleFiles.ToRow(key, files, Caption, _isLineEach);
}
