namespace ClipTrain.DataPipeline.Import.Folders;

/// <summary>Folders of images, each with a <c>.txt</c> or <c>.json</c> file of the same name beside it; subfolders included.</summary>
public sealed class FolderSource : SampleFileSource
{
    private static readonly string[] Beside = ["txt", "json", "cls"];

    /// <param name="folders">The folders.</param>
    /// <param name="caption">Extension or JSON field that holds the caption; null for the usual ones.</param>
    /// <param name="isLineEach">True if each line of a text is a caption.</param>
    /// <exception cref="Corpus.CorpusException">A folder is missing or contains no image.</exception>
    public FolderSource(IReadOnlyList<string> folders, string? caption = null, bool isLineEach = false)
        : base("folder", caption, isLineEach) => Inputs = [.. folders.Select(FolderInput.Describe)];

    public override IReadOnlyList<ImportInput> Inputs { get; }

    internal override IEnumerable<PendingRow> Read(int input) => FolderWalk.Rows(Inputs[input].Path, ToRow);

    private ImportRow ToRow(string root, string image)
    {
        var key = image[..^Path.GetExtension(image).Length];
        var files = new List<SampleFile>
        {
            new(Path.GetExtension(image).TrimStart('.').ToLowerInvariant(), ImageFile.Read(Path.Combine(root, image))),
        };
        foreach (var extension in Beside.Append(Caption).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            var path = Path.Combine(root, $"{key}.{extension}");
            if (File.Exists(path))
            {
                files.Add(new SampleFile(extension, ImageFile.Read(path)));
            }
        }

        return ToRow(key, files) with
        {
            Path = image,
        };
    }
}
