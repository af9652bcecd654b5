using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// JPEG decoding by libjpeg-turbo with Pillow's settings (accurate DCT, smooth chroma upsampling), so that pixels equal Pillow's. Not
/// thread-safe.
/// </summary>
internal sealed unsafe class JpegDecoder : IDisposable
{
    private nint _handle;

    public JpegDecoder() => Open();

    /// <summary>The header; null if TurboJPEG cannot read it, because of damage or unknown sampling factors.</summary>
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
                // After a truncated header the handle would take the next image for its continuation.
                Dispose();
                Open();
                return null;
            }

            limits.CheckSize(width, height);
            limits.CheckScans(encoded, width, height);
            return new JpegHeader(width, height, subsampling, colourspace);
        }
    }

    /// <summary>Decodes to RGBX an image whose header has been read.</summary>
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
        {
            InvertedCmykToRgbx(image);
        }
    }

    /// <summary>
    /// Decodes to its planes an image with <see cref="JpegHeader.ChromaFactors"/>, sides divided by 1, 2, 4 or 8 and rounded up.
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

        // Luma is written up to whole multiples of the chroma block.
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
        {
            _ = NativeTurboJpeg.tjDestroy(_handle);
        }

        _handle = 0;
    }

    /// <summary>
    /// libjpeg reports a truncated file as a mere warning and leaves the rest of the picture grey: so every warning is an error unless it
    /// is known to be harmless. libjpeg-turbo keeps only the last of several warnings; the second run stops at the first one.
    /// </summary>
    private void Check(ReadOnlySpan<byte> encoded, Func<int, int> decode)
    {
        if (decode(NativeTurboJpeg.FlagLimitScans) == 0)
        {
            return;
        }

        var reason = NativeTurboJpeg.LastError(_handle);
        if (JpegWarning.IsHarmless(_handle, encoded))
        {
            if (
                decode(NativeTurboJpeg.FlagLimitScans | NativeTurboJpeg.FlagStopOnWarning) == 0
                || JpegWarning.IsHarmless(NativeTurboJpeg.LastError(_handle), encoded)
            )
            {
                return;
            }

            reason = NativeTurboJpeg.LastError(_handle);
        }

        throw new ImageDecodeException("JPEG: " + reason);
    }

    private static int DivideUp(int size, int divisor) => (size + divisor - 1) / divisor;

    private void Open()
    {
        _handle = NativeTurboJpeg.tjInitDecompress();
        if (_handle == 0)
        {
            throw new InvalidOperationException("libturbojpeg failed to create a decoder: " + NativeTurboJpeg.LastError(0));
        }
    }

    /// <summary>CMYK JPEGs store inverted ink (Adobe's convention). Pillow's formula, without colour profiles.</summary>
    private static void InvertedCmykToRgbx(PixelBuffer image)
    {
        var pixels = new Span<byte>(image.Pixels, checked((int)(image.Stride * image.Height)));
        for (var i = 0; i < pixels.Length; i += PixelBuffer.BytesPerPixel)
        {
            int white = pixels[i + 3];
            for (var c = 0; c < 3; c++)
            {
                pixels[i + c] = (byte)(white - MultiplyDivide255(255 - pixels[i + c], white));
            }
        }
    }

    private static int MultiplyDivide255(int a, int b)
    {
        var product = (a * b) + 128;
        return ((product >> 8) + product) >> 8;
    }
}

/// <summary>A JPEG's header.</summary>
/// <param name="Width">Stored width in pixels.</param>
/// <param name="Height">Stored height in pixels.</param>
/// <param name="Subsampling">TurboJPEG's constant for the chroma subsampling.</param>
/// <param name="Colourspace">TurboJPEG's constant for the colour space.</param>
internal readonly record struct JpegHeader(int Width, int Height, int Subsampling, int Colourspace)
{
    /// <summary>Size of luma relative to chroma on each axis; null for images without such planes.</summary>
    public (int X, int Y)? ChromaFactors =>
        Subsampling switch
        {
            _ when Colourspace is not (NativeTurboJpeg.ColourspaceYCbCr or NativeTurboJpeg.ColourspaceGray) => null,
            NativeTurboJpeg.Subsampling444 or NativeTurboJpeg.SubsamplingGray => (1, 1),
            NativeTurboJpeg.Subsampling422 => (2, 1),
            NativeTurboJpeg.Subsampling420 => (2, 2),
            NativeTurboJpeg.Subsampling440 => (1, 2),
            NativeTurboJpeg.Subsampling411 => (4, 1),
            _ => null,
        };

    public bool IsCmyk => Colourspace is NativeTurboJpeg.ColourspaceCmyk or NativeTurboJpeg.ColourspaceYcck;

    /// <summary>The largest divisor (1, 2, 4 or 8, for which libjpeg-turbo has SIMD) that leaves the box at least side × side.</summary>
    public static int Divisor(PixelBox box, int side)
    {
        var divisor = 1;
        while (divisor < 8 && Math.Min(box.Width, box.Height) >= 2L * divisor * side)
        {
            divisor *= 2;
        }

        return divisor;
    }
}

/// <summary>A JPEG as stored: luma, and for colour images two planes of chroma, which may be smaller (JFIF's YCbCr).</summary>
internal sealed class JpegPlanes : IDisposable
{
    public PlaneBuffer Luma { get; } = new();

    public PlaneBuffer Blue { get; } = new();

    public PlaneBuffer Red { get; } = new();

    public bool HasColour { get; set; }

    public void Trim()
    {
        Luma.Trim();
        Blue.Trim();
        Red.Trim();
    }

    public void Dispose()
    {
        Luma.Dispose();
        Blue.Dispose();
        Red.Dispose();
    }
}
