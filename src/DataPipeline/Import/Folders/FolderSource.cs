namespace ClipTrain.DataPipeline.Import.Folders;

/// <summary>Folders of images with a <c>.txt</c> or <c>.json</c> of the same name beside each, folders below included.</summary>
public sealed class FolderSource : ImportSource
{
    private static readonly string[] Beside = ["txt", "json", "cls"];

    private readonly string? _caption;
    private readonly bool _isLineEach;

    /// <param name="folders">The folders.</param>
    /// <param name="caption">Where the caption is: an extension or a field of the JSON; null for the usual ones.</param>
    /// <param name="isLineEach">Whether each line of a text is a caption.</param>
    /// <exception cref="Corpus.CorpusException">A folder is missing or holds no image.</exception>
    public FolderSource(IReadOnlyList<string> folders, string? caption = null, bool isLineEach = false)
    {
        (_caption, _isLineEach) = (caption, isLineEach);
        Inputs = [.. folders.Select(FolderInput.Describe)];
        Arguments = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["import"] = "folder",
            ["--caption"] = caption ?? "",
            ["--caption-lines"] = isLineEach ? "true" : "false",
        };
    }

    public override IReadOnlyDictionary<string, string> Arguments { get; }

    public override IReadOnlyList<ImportInput> Inputs { get; }

    internal override IReadOnlyList<string> ExtraNames() => NamesOfFirstRows();

    internal override bool HasSeveralCaptions() => FirstRows().Any(row => row.Captions.Count > 1);

    internal override IEnumerable<PendingRow> Read(int input) => FolderWalk.Rows(Inputs[input].Path, ToRow);

    private ImportRow ToRow(string root, string image)
    {
        var key = image[..^Path.GetExtension(image).Length];
        var files = new List<SampleFile>
        {
            new(Path.GetExtension(image).TrimStart('.').ToLowerInvariant(), ImageFile.Read(Path.Combine(root, image))),
        };
        foreach (var extension in Beside.Append(_caption).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            var path = Path.Combine(root, $"{key}.{extension}");
            if (File.Exists(path))
                files.Add(new SampleFile(extension, ImageFile.Read(path)));
        }

        return SampleFiles.ToRow(key, files, _caption, _isLineEach) with
        {
            Path = image,
        };
    }
}
