using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>Decodes an image and shrinks it to the luminance image for its perceptual hash. Not thread-safe.</summary>
internal sealed unsafe class LuminanceReader : IDisposable
{
    private const int Side = PerceptualHash.Side;

    private readonly ImageDecoder _decoder = new();
    private readonly PixelBuffer _image = new();
    private readonly PixelResampler _resampler = new();
    private byte* _small = (byte*)NativeMemory.AlignedAlloc((Side * Side * PixelBuffer.BytesPerPixel) + PixelResampler.RowSlack, 64);

    /// <summary>Writes Side × Side values; false if the bytes are not an image.</summary>
    public bool TryRead(ReadOnlySpan<byte> encoded, Span<float> luminance)
    {
        try
        {
            _decoder.Decode(encoded, _image);
        }
        catch (ImageDecodeException)
        {
            return false;
        }

        _resampler.Resample(_image, new PixelBox(0, 0, _image.Width, _image.Height), Side, Side, new PixelBox(0, 0, Side, Side), _small);
        for (var i = 0; i < Side * Side; i++)
        {
            // ITU-R BT.601.
            var pixel = _small + (i * PixelBuffer.BytesPerPixel);
            luminance[i] = (0.299f * pixel[0]) + (0.587f * pixel[1]) + (0.114f * pixel[2]);
        }

        return true;
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _image.Dispose();
        _resampler.Dispose();
        NativeMemory.AlignedFree(_small);
        _small = null;
    }
}
