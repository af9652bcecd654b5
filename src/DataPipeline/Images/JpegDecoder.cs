using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// JPEG by libjpeg-turbo, with the accurate DCT and smooth chroma upsampling that Pillow uses, so that pixels are equal to Pillow's.
/// One handle, for one thread at a time.
/// </summary>
internal sealed unsafe class JpegDecoder : IDisposable
{
    private nint _handle;

    public JpegDecoder() => Open();

    /// <summary>The header; null when it is none that TurboJPEG reads: damage, or sampling factors that it does not know.</summary>
    /// <exception cref="ImageDecodeException">The image is larger than the limits allow.</exception>
    public JpegHeader? ReadHeader(ReadOnlySpan<byte> encoded, ImageLimits limits)
    {
        fixed (byte* jpeg = encoded)
        {
            if (
                NativeTurboJpeg.tjDecompressHeader3(
                    _handle,
                    jpeg,
                    new CULong((nuint)encoded.Length),
                    out var width,
                    out var height,
                    out var subsampling,
                    out var colourspace
                ) != 0
                && !JpegWarning.IsHarmless(_handle, encoded)
            )
            {
                // A header that breaks off leaves the handle within it, and the next image would be taken for the rest.
                Dispose();
                Open();
                return null;
            }

            limits.CheckSize(width, height);
            limits.CheckScans(encoded, width, height);
            return new JpegHeader(width, height, subsampling, colourspace);
        }
    }

    /// <summary>Decodes an image whose header has been read to RGBX.</summary>
    /// <exception cref="ImageDecodeException">The image is damaged or truncated.</exception>
    public void Decode(ReadOnlySpan<byte> encoded, JpegHeader header, PixelBuffer image)
    {
        image.Resize(header.Width, header.Height);
        var format = header.IsCmyk ? NativeTurboJpeg.PixelFormatCmyk : NativeTurboJpeg.PixelFormatRgbx;
        fixed (byte* start = encoded)
        {
            var (jpeg, length) = ((nint)start, new CULong((nuint)encoded.Length));
            Check(
                encoded,
                flags =>
                    NativeTurboJpeg.tjDecompress2(
                        _handle,
                        (byte*)jpeg,
                        length,
                        image.Pixels,
                        header.Width,
                        (int)image.Stride,
                        header.Height,
                        format,
                        flags
                    )
            );
        }

        if (header.IsCmyk)
            InvertedCmykToRgbx(image);
    }

    /// <summary>
    /// Decodes an image that has <see cref="JpegHeader.ChromaFactors"/> to its planes, sides divided by 1, 2, 4 or 8 and rounded up.
    /// </summary>
    /// <exception cref="ImageDecodeException">The image is damaged or truncated.</exception>
    public void Decode(ReadOnlySpan<byte> encoded, JpegHeader header, int divisor, JpegPlanes planes)
    {
        var (factorX, factorY) =
            header.ChromaFactors ?? throw new ArgumentException("the JPEG has no planes of luma and chroma", nameof(header));
        int width = DivideUp(header.Width, divisor),
            height = DivideUp(header.Height, divisor);
        int chromaWidth = DivideUp(width, factorX),
            chromaHeight = DivideUp(height, factorY);
        planes.HasColour = header.Colourspace == NativeTurboJpeg.ColourspaceYCbCr && header.Subsampling != NativeTurboJpeg.SubsamplingGray;

        // Luma is written up to whole multiples of the chroma's pixels.
        planes.Luma.Resize(width, height, chromaWidth * factorX, chromaHeight * factorY);
        if (planes.HasColour)
        {
            planes.Blue.Resize(chromaWidth, chromaHeight, chromaWidth, chromaHeight);
            planes.Red.Resize(chromaWidth, chromaHeight, chromaWidth, chromaHeight);
        }

        var pixels = stackalloc byte*[] { planes.Luma.Pixels, planes.Blue.Pixels, planes.Red.Pixels };
        var strides = stackalloc int[] { planes.Luma.Stride, chromaWidth, chromaWidth };
        fixed (byte* start = encoded)
        {
            var (jpeg, length, targets, steps) = ((nint)start, new CULong((nuint)encoded.Length), (nint)pixels, (nint)strides);
            Check(
                encoded,
                flags =>
                    NativeTurboJpeg.tjDecompressToYUVPlanes(
                        _handle,
                        (byte*)jpeg,
                        length,
                        (byte**)targets,
                        width,
                        (int*)steps,
                        height,
                        flags
                    )
            );
        }
    }

    public void Dispose()
    {
        if (_handle != 0)
            _ = NativeTurboJpeg.tjDestroy(_handle);
        _handle = 0;
    }

    /// <summary>
    /// A truncated file is only a warning to libjpeg, with the rest of the picture grey: −1 is an error but for warnings that
    /// are known to be harmless. Of several, libjpeg-turbo keeps the last; stopped at the first, it paints the same rows again.
    /// </summary>
    private void Check(ReadOnlySpan<byte> encoded, Func<int, int> decode)
    {
        if (decode(NativeTurboJpeg.FlagLimitScans) == 0)
            return;
        var reason = NativeTurboJpeg.LastError(_handle);
        if (JpegWarning.IsHarmless(_handle, encoded))
        {
            if (
                decode(NativeTurboJpeg.FlagLimitScans | NativeTurboJpeg.FlagStopOnWarning) == 0
                || JpegWarning.IsHarmless(NativeTurboJpeg.LastError(_handle), encoded)
            )
                return;
            reason = NativeTurboJpeg.LastError(_handle);
        }

        throw new ImageDecodeException("JPEG: " + reason);
    }

    private static int DivideUp(int size, int divisor) => (size + divisor - 1) / divisor;

    private void Open()
    {
        _handle = NativeTurboJpeg.tjInitDecompress();
        if (_handle == 0)
            throw new InvalidOperationException("libturbojpeg cannot start a decoder: " + NativeTurboJpeg.LastError(0));
    }

    /// <summary>
    /// CMYK JPEGs store ink inverted (Adobe's convention), so that a byte is the share of light that passes. Pillow's formula, without
    /// colour profiles.
    /// </summary>
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
