using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Encoded image to model input, as open_clip prepares it: a random resized crop in training; the short side resized and
/// the centre cut out in evaluation; bicubic, then normalised. Converted to RGB first, EXIF orientation ignored. For one
/// thread at a time.
/// </summary>
public sealed unsafe class ClipImageTransform : IImageTransform
{
    private readonly ImageTransformOptions _options;
    private readonly ChwNormalizer _normalizer;
    private readonly ImageDecoder _decoder = new();
    private readonly PixelBuffer _image = new();
    private readonly BicubicResampler _resampler = new();
    private byte* _resized;

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public ClipImageTransform(ImageTransformOptions options)
    {
        ImageTransformOptions.Validate(options);
        _options = options;
        _normalizer = new ChwNormalizer(options.Mean, options.Std);
        _resized = (byte*)NativeMemory.AlignedAlloc((nuint)((Size * Size * PixelBuffer.BytesPerPixel) + BicubicResampler.RowSlack), 64);
    }

    public int Size => _options.Size;

    /// <summary>A random crop of the image, resized to [3, Size, Size] and normalised.</summary>
    /// <exception cref="ImageDecodeException">The bytes are no image that can be decoded.</exception>
    public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random, Span<float> chw)
    {
        Decode(encoded, chw);
        var box = RandomResizedCrop.Draw(_image.Width, _image.Height, _options, ref random);
        Finish(box, Size, Size, chw);
    }

    /// <summary>The middle square of the image, resized to [3, Size, Size] and normalised. Sizes are rounded as torchvision's Resize and CenterCrop round them.</summary>
    /// <exception cref="ImageDecodeException">The bytes are no image that can be decoded.</exception>
    public void Evaluate(ReadOnlySpan<byte> encoded, Span<float> chw)
    {
        Decode(encoded, chw);
        int width = _image.Width, height = _image.Height, longSide = LongSide(width, height);
        var (scaledWidth, scaledHeight) = width <= height ? (Size, longSide) : (longSide, Size);
        Finish(new PixelBox(0, 0, width, height), scaledWidth, scaledHeight, chw);
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _image.Dispose();
        _resampler.Dispose();
        NativeMemory.AlignedFree(_resized);
        _resized = null;
    }

    private void Decode(ReadOnlySpan<byte> encoded, Span<float> chw)
    {
        ObjectDisposedException.ThrowIf(_resized is null, this);
        if (chw.Length != 3 * Size * Size)
            throw new ArgumentException($"the span has {chw.Length} values, an image has 3 × {Size} × {Size}", nameof(chw));
        _decoder.Decode(encoded, _image);
    }

    /// <summary>Resizes the box to scaledWidth × scaledHeight, of which the middle is the result.</summary>
    private void Finish(PixelBox box, int scaledWidth, int scaledHeight, Span<float> chw)
    {
        var window = new PixelBox(CentreOffset(scaledWidth), CentreOffset(scaledHeight), Size, Size);
        _resampler.Resample(_image, box, scaledWidth, scaledHeight, window, _resized);
        _normalizer.Normalize(_resized, Size * Size, chw);
        _image.Trim();
    }

    /// <summary>torchvision's int(size · long / short).</summary>
    private int LongSide(int width, int height)
    {
        var scaled = (double)Size * Math.Max(width, height) / Math.Min(width, height);
        return scaled < int.MaxValue ? (int)scaled : throw new ImageDecodeException($"the image is {width} × {height} pixels, too narrow to be resized to a short side of {Size}");
    }

    private int CentreOffset(int scaled) => (int)Math.Round((scaled - Size) / 2.0);
}
