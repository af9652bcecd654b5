using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>Makes JPEGs of images for display. Not thread-safe.</summary>
internal sealed unsafe class PictureMaker(ImageTransformOptions augmentation) : IDisposable
{
    /// <summary>Longer side of a displayed original.</summary>
    private const int LongSide = 320;

    private const int Quality = 88;

    private readonly ImageDecoder _decoder = new();
    private readonly PixelResampler _resampler = new();
    private readonly PixelBuffer _image = new(),
        _picture = new();
    private readonly ClipImageTransform _transform = new(augmentation with { Type = ImageType.UInt8 });
    private readonly byte[] _chw = new byte[3 * augmentation.Size * augmentation.Size];

    /// <summary>The image, shrunk if it is large, with its own size in pixels.</summary>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    public (int Width, int Height, byte[] Jpeg) Original(ReadOnlySpan<byte> encoded)
    {
        _decoder.Decode(encoded, _image);
        int width = _image.Width,
            height = _image.Height;
        var scale = Math.Min(1, (double)LongSide / Math.Max(width, height));
        int w = Math.Max(1, (int)Math.Round(width * scale)),
            h = Math.Max(1, (int)Math.Round(height * scale));
        _picture.Resize(w, h);
        _resampler.Resample(_image, new PixelBox(0, 0, width, height), w, h, new PixelBox(0, 0, w, h), _picture.Pixels);
        _image.Trim();
        return (width, height, JpegEncoder.Encode(_picture, Quality));
    }

    /// <summary>The training view of the image.</summary>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    public byte[] Augmented(ReadOnlySpan<byte> encoded, CounterRandom random)
    {
        _transform.Train(encoded, ref random, _chw);
        Thumbnail.Fill(_picture, _chw, _transform.Size);
        return JpegEncoder.Encode(_picture, Quality);
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _resampler.Dispose();
        _image.Dispose();
        _picture.Dispose();
        _transform.Dispose();
    }
}
