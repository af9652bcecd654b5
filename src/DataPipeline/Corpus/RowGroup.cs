namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// The encoded images and captions of one group of rows, in native memory until it is disposed. Rows that were not asked
/// for are empty. Reading is thread-safe.
/// </summary>
public sealed unsafe class RowGroup : IDisposable
{
    private readonly ByteArena _arena;
    private readonly (nint Address, int Length)[] _images;
    private readonly string?[] _captions;
    private readonly string?[][]?[] _choices;
    private readonly string?[] _labels;
    private readonly Dictionary<int, string> _imageProblems = [],
        _captionProblems = [];
    private bool _disposed;

    internal RowGroup(BlockPool pool, int rows)
    {
        _arena = new ByteArena(pool);
        Rows = rows;
        _images = new (nint, int)[rows];
        _captions = new string?[rows];
        _choices = new string?[rows][][];
        _labels = new string?[rows];
    }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>The image file's bytes; empty where the corpus has none. Good until the group is disposed.</summary>
    public ReadOnlySpan<byte> Image(int row)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var (address, length) = _images[row];
        return new ReadOnlySpan<byte>((void*)address, length);
    }

    /// <summary>The caption; null where the corpus has none.</summary>
    public string? Caption(int row) => _captions[row];

    /// <summary>All captions, column by column; null where the manifest has no <see cref="CorpusManifest.CaptionChoices"/>.</summary>
    public IReadOnlyList<IReadOnlyList<string?>>? CaptionChoices(int row) => _choices[row];

    /// <summary>The label; null where the corpus has none or no label column was named.</summary>
    public string? Label(int row) => _labels[row];

    /// <summary>Why the image cannot be used, where that shows without decoding it; null otherwise.</summary>
    public string? ImageProblem(int row) => _images[row].Length > 0 ? null : _imageProblems.GetValueOrDefault(row, "there is no image");

    /// <summary>Why the caption cannot be used; null where it can, or is null or blank and nothing more is known.</summary>
    public string? CaptionProblem(int row) => _captionProblems.GetValueOrDefault(row);

    internal void SetImage(int row, ReadOnlySpan<byte> image) =>
        _images[row] = image.IsEmpty ? default : (_arena.Append(image), image.Length);

    internal void SetCaption(int row, string caption) => _captions[row] = caption;

    internal void SetChoices(int row, string?[][] choices) => _choices[row] = choices;

    internal void SetLabel(int row, string? label) => _labels[row] = label;

    internal void SetImageProblem(int row, string problem) => _imageProblems[row] = problem;

    internal void SetCaptionProblem(int row, string problem) => _captionProblems[row] = problem;

    public void Dispose()
    {
        _disposed = true;
        _arena.Dispose();
    }
}
