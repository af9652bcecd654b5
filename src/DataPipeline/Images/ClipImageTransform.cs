using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Encoded image to model input, as open_clip prepares it. Training: a random resized crop and the configured augmentation. Evaluation:
/// resize of the short side and centre crop. Bicubic, then normalised. Not thread-safe.
/// </summary>
public sealed unsafe class ClipImageTransform : IImageTransform
{
    /// <summary>Bytes that block-wise writers may write past a square.</summary>
    private const int Slack = 64;

    private readonly ImageTransformOptions _options;
    private readonly Augmentation _augmentation;
    private readonly ChwWriter _writer;
    private readonly ImageDecoder _decoder;
    private readonly PlanarView _planar;
    private readonly PixelBuffer _image = new();
    private readonly PixelResampler _training = new(),
        _evaluation;

    /// <summary>The square as stored, and as displayed.</summary>
    private byte* _square,
        _shown;

    /// <summary>The latest view: one of the two.</summary>
    private byte* _view;

    /// <summary>A transform with its own decoder and buffers.</summary>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public ClipImageTransform(ImageTransformOptions options)
    {
        ImageTransformOptions.Validate(options);
        _options = options;
        _augmentation = new Augmentation(options);
        _evaluation = new PixelResampler(options.Filter);
        _writer = new ChwWriter(options.Type, options.Normalization);
        _decoder = new ImageDecoder(options.Limits);
        _planar = new PlanarView(_decoder, Size);
        _square = (byte*)NativeMemory.AlignedAlloc((nuint)((Size * Size * PixelBuffer.BytesPerPixel) + Slack), 64);
        _shown = (byte*)NativeMemory.AlignedAlloc((nuint)(Size * Size * PixelBuffer.BytesPerPixel), 64);
    }

    public int Size => _options.Size;

    public ImageType Type => _options.Type;

    /// <summary>Random crop of the image, resized and augmented.</summary>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    public void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random)
    {
        ObjectDisposedException.ThrowIf(_square is null, this);
        var orientation =
            _options.Jpeg != JpegDecode.Exact && _decoder.ReadPlanarHeader(encoded) is { } header
                ? ReadPlanar(encoded, header, ref random)
                : ReadExact(encoded, ref random);
        _augmentation.Apply(Show(orientation), ref random);
    }

    /// <summary>
    /// The image resized as <see cref="ImageTransformOptions.Resize"/> says. Sizes are rounded as in torchvision's Resize and CenterCrop.
    /// </summary>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    public void Evaluate(ReadOnlySpan<byte> encoded)
    {
        ObjectDisposedException.ThrowIf(_square is null, this);
        _decoder.Decode(encoded, _image);
        var orientation = Requested(_image.Orientation);
        var (width, height) = orientation.Turn(_image.Width, _image.Height);
        var (shownWidth, shownHeight) =
            _options.Resize == ResizeMode.Squash ? (Size, Size)
            : width <= height ? (Size, LongSide(width, height))
            : (LongSide(width, height), Size);
        var (scaledWidth, scaledHeight) = orientation.Turn(shownWidth, shownHeight);
        var window = orientation.Stored(
            new PixelBox(CentreOffset(shownWidth), CentreOffset(shownHeight), Size, Size),
            scaledWidth,
            scaledHeight
        );
        _evaluation.Resample(_image, new PixelBox(0, 0, _image.Width, _image.Height), scaledWidth, scaledHeight, window, _square);
        _image.Trim();
        _ = Show(orientation);
    }

    /// <summary>Writes the latest view, normalised: [3, Size, Size].</summary>
    /// <exception cref="ArgumentException">The span does not have the length of a view.</exception>
    public void Write(Span<byte> chw)
    {
        ObjectDisposedException.ThrowIf(_square is null, this);
        var bytes = ((IImageTransform)this).OutputBytes;
        if (chw.Length != bytes)
        {
            throw new ArgumentException(
                $"the span has {chw.Length} bytes; an image of 3 × {Size} × {Size} {Type} has {bytes}",
                nameof(chw)
            );
        }

        _writer.Write(_view, Size * Size, chw);
    }

    public void Dispose()
    {
        _augmentation.Dispose();
        _decoder.Dispose();
        _planar.Dispose();
        _image.Dispose();
        _training.Dispose();
        _evaluation.Dispose();
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
        var orientation = Requested(_image.Orientation);
        var box = DrawBox(orientation, _image.Width, _image.Height, ref random);
        _training.Resample(_image, box, Size, Size, new PixelBox(0, 0, Size, Size), _square);
        _image.Trim();
        return orientation;
    }

    private Orientation Requested(Orientation orientation) => _options.Orient ? orientation : Orientation.Upright;

    /// <summary>Draws a crop of the displayed picture; returns its location in the stored one.</summary>
    private PixelBox DrawBox(Orientation orientation, int width, int height, ref CounterRandom random)
    {
        var (shownWidth, shownHeight) = orientation.Turn(width, height);
        return orientation.Stored(RandomResizedCrop.Draw(shownWidth, shownHeight, _options, ref random), width, height);
    }

    /// <summary>Makes the square, turned to its displayed orientation, the current view; returns its pixels.</summary>
    private Span<uint> Show(Orientation orientation)
    {
        var upright = orientation == Orientation.Upright;
        _view = upright ? _square : _shown;
        var view = new Span<uint>(_view, Size * Size);
        if (!upright)
        {
            orientation.Show(new Span<uint>(_square, Size * Size), view, Size);
        }

        return view;
    }

    /// <summary>int(size · long / short), as in torchvision.</summary>
    private int LongSide(int width, int height)
    {
        var scaled = (double)Size * Math.Max(width, height) / Math.Min(width, height);
        return scaled < int.MaxValue
            ? (int)scaled
            : throw new ImageDecodeException(
                $"the image of {width} × {height} pixels is too narrow to be resized to a short side of {Size}"
            );
    }

    private int CentreOffset(int scaled) => (int)Math.Round((scaled - Size) / 2.0);
}
