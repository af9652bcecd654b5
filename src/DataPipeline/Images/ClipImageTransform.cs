using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Encoded image to model input, as open_clip prepares it: in training a random resized crop and what other augmentation
/// the options name; in evaluation the short side resized and the centre cut out; bicubic, then normalised. For one
/// thread at a time.
/// </summary>
public sealed unsafe class ClipImageTransform : IImageTransform
{
    /// <summary>What writers in whole blocks may write past a square.</summary>
    private const int Slack = 64;

    private readonly ImageTransformOptions _options;
    private readonly ChwWriter _writer;
    private readonly ImageDecoder _decoder;
    private readonly PlanarView _planar;
    private readonly PixelBuffer _image = new();
    private readonly BicubicResampler _resampler = new();

    /// <summary>The square as it is stored, and turned as it is shown.</summary>
    private byte* _square,
        _shown;

    /// <summary>Which of the two is the view that was made last.</summary>
    private byte* _view;

    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public ClipImageTransform(ImageTransformOptions options)
    {
        ImageTransformOptions.Validate(options);
        _options = options;
        _writer = new ChwWriter(options.Type, options.Normalization);
        _decoder = new ImageDecoder(options.Limits);
        _planar = new PlanarView(_decoder, Size);
        _square = (byte*)NativeMemory.AlignedAlloc((nuint)((Size * Size * PixelBuffer.BytesPerPixel) + Slack), 64);
        _shown = (byte*)NativeMemory.AlignedAlloc((nuint)(Size * Size * PixelBuffer.BytesPerPixel), 64);
    }

    public int Size => _options.Size;

    public ImageType Type => _options.Type;

    /// <summary>A random crop of the image, resized, augmented and normalised.</summary>
    /// <exception cref="ImageDecodeException">The bytes are no image that can be decoded.</exception>
    public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random)
    {
        ObjectDisposedException.ThrowIf(_square is null, this);
        var orientation =
            _options.Jpeg != JpegDecode.Exact && _decoder.ReadPlanarHeader(encoded) is { } header
                ? ReadPlanar(encoded, header, ref random)
                : ReadExact(encoded, ref random);
        Augmentation.Apply(Show(orientation), _options, ref random);
    }

    /// <summary>
    /// The middle square of the image, resized and normalised. Sizes are rounded as torchvision's Resize and CenterCrop round them.
    /// </summary>
    /// <exception cref="ImageDecodeException">The bytes are no image that can be decoded.</exception>
    public void Evaluate(ReadOnlySpan<byte> encoded)
    {
        ObjectDisposedException.ThrowIf(_square is null, this);
        _decoder.Decode(encoded, _image);
        var orientation = Asked(_image.Orientation);
        var (width, height) = orientation.Turn(_image.Width, _image.Height);
        var longSide = LongSide(width, height);
        var (shownWidth, shownHeight) = width <= height ? (Size, longSide) : (longSide, Size);
        var (scaledWidth, scaledHeight) = orientation.Turn(shownWidth, shownHeight);
        var window = orientation.Stored(
            new PixelBox(CentreOffset(shownWidth), CentreOffset(shownHeight), Size, Size),
            scaledWidth,
            scaledHeight
        );
        _resampler.Resample(_image, new PixelBox(0, 0, _image.Width, _image.Height), scaledWidth, scaledHeight, window, _square);
        _image.Trim();
        _ = Show(orientation);
    }

    /// <exception cref="ArgumentException">The span has another length than a view.</exception>
    public void Write(Span<byte> chw)
    {
        ObjectDisposedException.ThrowIf(_square is null, this);
        var bytes = ((IImageTransform)this).OutputBytes;
        if (chw.Length != bytes)
            throw new ArgumentException(
                $"the span has {chw.Length} bytes, an image of 3 × {Size} × {Size} {Type} has {bytes}",
                nameof(chw)
            );
        _writer.Write(_view, Size * Size, chw);
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _planar.Dispose();
        _image.Dispose();
        _resampler.Dispose();
        NativeMemory.AlignedFree(_square);
        NativeMemory.AlignedFree(_shown);
        _square = _shown = _view = null;
    }

    private Orientation ReadPlanar(ReadOnlySpan<byte> encoded, JpegHeader header, ref CounterRandom random)
    {
        var orientation = _options.Orient ? Orientation.OfJpeg(encoded) : Orientation.Upright;
        var box = DrawBox(orientation, header.Width, header.Height, ref random);
        var divisor = _options.Jpeg == JpegDecode.Scaled ? JpegHeader.Divisor(box, Size) : 1;
        _planar.Read(encoded, header, divisor, box, _square);
        return orientation;
    }

    private Orientation ReadExact(ReadOnlySpan<byte> encoded, ref CounterRandom random)
    {
        _decoder.Decode(encoded, _image);
        var orientation = Asked(_image.Orientation);
        var box = DrawBox(orientation, _image.Width, _image.Height, ref random);
        _resampler.Resample(_image, box, Size, Size, new PixelBox(0, 0, Size, Size), _square);
        _image.Trim();
        return orientation;
    }

    private Orientation Asked(Orientation orientation) => _options.Orient ? orientation : Orientation.Upright;

    /// <summary>Draws a crop of the picture as shown; returns where it is stored.</summary>
    private PixelBox DrawBox(Orientation orientation, int width, int height, ref CounterRandom random)
    {
        var (shownWidth, shownHeight) = orientation.Turn(width, height);
        return orientation.Stored(RandomResizedCrop.Draw(shownWidth, shownHeight, _options, ref random), width, height);
    }

    /// <summary>Turns the square as it is shown; returns its pixels, which are the view from now on.</summary>
    private Span<uint> Show(Orientation orientation)
    {
        var upright = orientation == Orientation.Upright;
        _view = upright ? _square : _shown;
        var view = new Span<uint>(_view, Size * Size);
        if (!upright)
            orientation.Show(new Span<uint>(_square, Size * Size), view, Size);
        return view;
    }

    /// <summary>torchvision's int(size · long / short).</summary>
    private int LongSide(int width, int height)
    {
        var scaled = (double)Size * Math.Max(width, height) / Math.Min(width, height);
        return scaled < int.MaxValue
            ? (int)scaled
            : throw new ImageDecodeException($"the image is {width} × {height} pixels, too narrow to be resized to a short side of {Size}");
    }

    private int CentreOffset(int scaled) => (int)Math.Round((scaled - Size) / 2.0);
}
