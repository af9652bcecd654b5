using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Two training views of an image, drawn one after the other from the sample's generator: [2, 3, Size, Size]. Not thread-safe.
/// </summary>
public sealed class TwoViewTransform(ImageTransformOptions options) : IImageTransform
{
    private readonly ClipImageTransform _first = new(options),
        _second = new(options);

    public int Size => _first.Size;

    public ImageType Type => _first.Type;

    public int OutputBytes => 2 * ViewBytes;

    private int ViewBytes => ((IImageTransform)_first).OutputBytes;

    /// <inheritdoc/>
    public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random)
    {
        _first.Train(encoded, ref random);
        _second.Train(encoded, ref random);
    }

    /// <summary>Makes the evaluation view, twice.</summary>
    /// <inheritdoc/>
    public void Evaluate(ReadOnlySpan<byte> encoded)
    {
        _first.Evaluate(encoded);
        _second.Evaluate(encoded);
    }

    /// <inheritdoc/>
    public void Write(Span<byte> chw)
    {
        _first.Write(chw[..ViewBytes]);
        _second.Write(chw[ViewBytes..]);
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }
}
