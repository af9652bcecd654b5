using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Encoded image to model input, as open_clip prepares it: a random resized crop in training; the short side resized and
/// the centre cut out in evaluation; bicubic, then normalised. Converted to RGB first, EXIF orientation ignored. Any
/// number of threads.
/// </summary>
public sealed class ClipImageTransform : IImageTransform
{
    private readonly ImageTransformOptions _options;
    private readonly ChwNormalizer _normalizer;
    private readonly ConcurrentBag<Workspace> _idle = [];
    private volatile bool _disposed;

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public ClipImageTransform(ImageTransformOptions options)
    {
        ImageTransformOptions.Validate(options);
        _options = options;
        _normalizer = new ChwNormalizer(options.Mean, options.Std);
    }

    public int Size => _options.Size;

    /// <summary>A random crop of the image, resized to [3, Size, Size] and normalised.</summary>
    /// <exception cref="ImageDecodeException">The bytes are no image that can be decoded.</exception>
    public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random, Span<float> chw)
    {
        var workspace = Rent();
        try
        {
            workspace.Decoder.Decode(encoded, workspace.Image);
            var box = RandomResizedCrop.Draw(workspace.Image.Width, workspace.Image.Height, _options, ref random);
            Finish(workspace, box, Size, Size, 0, 0, chw);
        }
        finally
        {
            Return(workspace);
        }
    }

    /// <summary>The middle square of the image, resized to [3, Size, Size] and normalised. Sizes are rounded as torchvision's Resize and CenterCrop round them.</summary>
    /// <exception cref="ImageDecodeException">The bytes are no image that can be decoded.</exception>
    public void Evaluate(ReadOnlySpan<byte> encoded, Span<float> chw)
    {
        var workspace = Rent();
        try
        {
            workspace.Decoder.Decode(encoded, workspace.Image);
            int width = workspace.Image.Width, height = workspace.Image.Height;
            var longSide = LongSide(width, height);
            var (scaledWidth, scaledHeight) = width <= height ? (Size, longSide) : (longSide, Size);
            Finish(workspace, new PixelBox(0, 0, width, height), scaledWidth, scaledHeight, CentreOffset(scaledWidth), CentreOffset(scaledHeight), chw);
        }
        finally
        {
            Return(workspace);
        }
    }

    public void Dispose()
    {
        _disposed = true;
        while (_idle.TryTake(out var workspace))
            workspace.Dispose();
    }

    /// <summary>torchvision's int(size · long / short).</summary>
    private int LongSide(int width, int height)
    {
        var scaled = (double)Size * Math.Max(width, height) / Math.Min(width, height);
        return scaled < int.MaxValue ? (int)scaled : throw new ImageDecodeException($"the image is {width} × {height} pixels, too narrow to be resized to a short side of {Size}");
    }

    private int CentreOffset(int scaled) => (int)Math.Round((scaled - Size) / 2.0);

    private unsafe void Finish(Workspace workspace, PixelBox box, int scaledWidth, int scaledHeight, int x, int y, Span<float> chw)
    {
        var pixels = workspace.Resized;
        workspace.Resampler.Resample(workspace.Image, box, scaledWidth, scaledHeight, new PixelBox(x, y, Size, Size), pixels);
        _normalizer.Normalize(pixels, Size * Size, chw);
    }

    private Workspace Rent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _idle.TryTake(out var workspace) ? workspace : new Workspace(Size);
    }

    private void Return(Workspace workspace)
    {
        workspace.Image.Trim();
        if (_disposed)
            workspace.Dispose();
        else
            _idle.Add(workspace);
    }

    /// <summary>What one thread needs while it prepares an image.</summary>
    private sealed unsafe class Workspace(int size) : IDisposable
    {
        public ImageDecoder Decoder { get; } = new();

        public PixelBuffer Image { get; } = new();

        public BicubicResampler Resampler { get; } = new();

        public byte* Resized { get; private set; } = (byte*)NativeMemory.AlignedAlloc((nuint)((size * size * PixelBuffer.BytesPerPixel) + BicubicResampler.RowSlack), 64);

        public void Dispose()
        {
            Decoder.Dispose();
            Image.Dispose();
            Resampler.Dispose();
            NativeMemory.AlignedFree(Resized);
            Resized = null;
        }
    }
}
