using System.Collections.Concurrent;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Verifies images with the decoders used in training. Thread-safe.</summary>
internal sealed class ImageCheck(ImageVerification verification) : IDisposable
{
    private readonly ConcurrentBag<(ImageDecoder Decoder, PixelBuffer Pixels)> _idle = [];

    /// <summary>Accepts an image that training can use.</summary>
    /// <exception cref="ImportRowException">Training cannot use the image.</exception>
    public void Check(ReadOnlySpan<byte> image)
    {
        if (verification == ImageVerification.Header && ImageHeader.LooksWhole(image))
        {
            return;
        }

        var tools = _idle.TryTake(out var idle) ? idle : (Decoder: new ImageDecoder(), Pixels: new PixelBuffer());
        try
        {
            tools.Decoder.Decode(image, tools.Pixels);
        }
        catch (ImageDecodeException e)
        {
            throw new ImportRowException("image cannot be decoded", e.Message, e);
        }
        finally
        {
            tools.Pixels.Trim();
            _idle.Add(tools);
        }
    }

    public void Dispose()
    {
        foreach (var (decoder, pixels) in _idle)
        {
            decoder.Dispose();
            pixels.Dispose();
        }
    }
}
