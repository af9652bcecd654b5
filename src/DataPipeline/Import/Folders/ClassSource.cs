namespace ClipTrain.DataPipeline.Import.Folders;

/// <summary>
/// A folder with one subfolder of images per class: the class name becomes the label, and a template turns it into the caption.
/// </summary>
public sealed class ClassSource : ImportSource
{
    /// <summary>Stands for the class name in a template.</summary>
    public const string Placeholder = "{}";

    private readonly string _template;

    /// <param name="folder">The folder of the class folders.</param>
    /// <param name="template">The caption, with <see cref="Placeholder"/> in place of the class name.</param>
    /// <exception cref="Corpus.CorpusException">The folder is missing or contains no image.</exception>
    public ClassSource(string folder, string template)
    {
        _template = template;
        Inputs = [FolderInput.Describe(folder)];
        Arguments = new Dictionary<string, string>(StringComparer.Ordinal) { ["import"] = "classes", ["--template"] = template };
    }

    public override IReadOnlyDictionary<string, string> Arguments { get; }

    public override IReadOnlyList<ImportInput> Inputs { get; }

    internal override IReadOnlyList<string> ExtraNames() => ["label"];

    internal override IEnumerable<PendingRow> Read(int input) => FolderWalk.Rows(Inputs[input].Path, ToRow);

    private ImportRow ToRow(string root, string image)
    {
        var end = image.IndexOf('/');
        if (end < 0)
        {
            throw new ImportRowException("image is not in a class folder", image);
        }

        var name = image[..end].Replace('_', ' ').Trim();
        return new ImportRow(
            image,
            ImageFile.Read(Path.Combine(root, image)),
            [_template.Replace(Placeholder, name, StringComparison.Ordinal)],
            [KeyValuePair.Create("label", (string?)name)]
        );
    }
}
