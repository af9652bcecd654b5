using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Images;

/// <summary>JPEG by libjpeg-turbo, with the accurate DCT and smooth chroma upsampling that Pillow uses, so that pixels are equal to Pillow's. One handle, for one thread at a time.</summary>
internal sealed unsafe class JpegDecoder : IDisposable
{
    private nint _handle;

    public JpegDecoder() => Open();

    /// <summary>
    /// Decodes into the buffer. False when the header is none that TurboJPEG reads (damage, or sampling factors that it
    /// does not know), with the buffer untouched.
    /// </summary>
    /// <exception cref="ImageDecodeException">The image is too large, damaged or truncated.</exception>
    public bool TryDecode(ReadOnlySpan<byte> encoded, PixelBuffer image)
    {
        fixed (byte* jpeg = encoded)
        {
            var length = new CULong((nuint)encoded.Length);
            if (NativeTurboJpeg.tjDecompressHeader3(_handle, jpeg, length, out var width, out var height, out _, out var colourspace) != 0)
            {
                // A header that breaks off leaves the handle within it, and the next image would be taken for the rest.
                Dispose();
                Open();
                return false;
            }

            ImageDecoder.CheckSize(width, height);
            image.Resize(width, height);
            var cmyk = colourspace is NativeTurboJpeg.ColourspaceCmyk or NativeTurboJpeg.ColourspaceYcck;
            var format = cmyk ? NativeTurboJpeg.PixelFormatCmyk : NativeTurboJpeg.PixelFormatRgbx;

            // A truncated file is only a warning to libjpeg, with the rest of the picture grey: −1 is an error whatever the error code.
            if (NativeTurboJpeg.tjDecompress2(_handle, jpeg, length, image.Pixels, width, (int)image.Stride, height, format, NativeTurboJpeg.FlagLimitScans) != 0)
                throw new ImageDecodeException("JPEG: " + NativeTurboJpeg.LastError(_handle));
            if (cmyk)
                InvertedCmykToRgbx(image);
            return true;
        }
    }

    public void Dispose()
    {
        if (_handle != 0)
            _ = NativeTurboJpeg.tjDestroy(_handle);
        _handle = 0;
    }

    private void Open()
    {
        _handle = NativeTurboJpeg.tjInitDecompress();
        if (_handle == 0)
            throw new InvalidOperationException("libturbojpeg cannot start a decoder: " + NativeTurboJpeg.LastError(0));
    }

    /// <summary>CMYK JPEGs store ink inverted (Adobe's convention), so that a byte is the share of light that passes. Pillow's formula, without colour profiles.</summary>
    private static void InvertedCmykToRgbx(PixelBuffer image)
    {
        var pixels = new Span<byte>(image.Pixels, checked((int)(image.Stride * image.Height)));
        for (var i = 0; i < pixels.Length; i += PixelBuffer.BytesPerPixel)
        {
            int white = pixels[i + 3];
            for (var c = 0; c < 3; c++)
                pixels[i + c] = (byte)(white - MultiplyDivide255(255 - pixels[i + c], white));
        }
    }

    private static int MultiplyDivide255(int a, int b)
    {
        var product = (a * b) + 128;
        return ((product >> 8) + product) >> 8;
    }
}
