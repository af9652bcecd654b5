using ClipTrain.DataPipeline.Import.Folders;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Folders of images, one per class and named after it (torchvision's ImageFolder).</summary>
internal sealed class FolderSet : IImageSet
{
    private readonly string _root;
    private readonly string[] _images;

    public FolderSet(SetOptions set, string root)
    {
        _root = root;
        if (!Directory.Exists(root))
        {
            throw SetError.Of(set.Name, $"the folder {root} does not exist; correct the path in the suite file.");
        }

        _images = [.. FolderWalk.Images(root).Where(image => image.Contains('/', StringComparison.Ordinal))];
        if (_images.Length == 0)
        {
            throw SetError.Of(set.Name, $"{root} has no images in folders named after classes.");
        }

        ClassNames = [.. _images.Select(Class).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (set.Attributes.Count > 0 || set.GroupColumn is not null)
        {
            throw SetError.Of(
                set.Name,
                "folders have no columns for attributes or group_column; list the images in a CSV file with a path column instead."
            );
        }
    }

    public IReadOnlyList<string> ClassNames { get; }

    public IReadOnlyList<string> Templates => [];

    public IEnumerable<string> Files => _images.Select(image => Path.Combine(_root, image));

    public long? Count => _images.Length;

    public bool HasCaptions => false;

    public bool HasLabels => true;

    public IEnumerable<SetRow> Rows() =>
        _images.Select(image => new SetRow(
            Path.Combine(_root, image),
            File.ReadAllBytes(Path.Combine(_root, image)),
            Class(image),
            [],
            null,
            []
        ));

    private static string Class(string image) => image[..image.IndexOf('/', StringComparison.Ordinal)];
}
