namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// The encoded images and captions of one group of rows, in native memory until disposed. Rows that were not wanted are empty. Reading is
/// thread-safe.
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

    /// <summary>The image file's bytes; empty if null. Valid until the group is disposed.</summary>
    public ReadOnlySpan<byte> Image(int row)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var (address, length) = _images[row];
        return new ReadOnlySpan<byte>((void*)address, length);
    }

    /// <summary>The caption; null if there is none.</summary>
    public string? Caption(int row) => _captions[row];

    /// <summary>All captions, column by column; null without <see cref="CorpusManifest.CaptionChoices"/>.</summary>
    public IReadOnlyList<IReadOnlyList<string?>>? CaptionChoices(int row) => _choices[row];

    /// <summary>The label; null if there is none or no label column is read.</summary>
    public string? Label(int row) => _labels[row];

    /// <summary>The reason why the image cannot be used, as far as known without decoding it; null otherwise.</summary>
    public string? ImageProblem(int row) => _images[row].Length > 0 ? null : _imageProblems.GetValueOrDefault(row, "the image is missing");

    /// <summary>The reason why the caption is not text; null if it is, or is null or blank.</summary>
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
