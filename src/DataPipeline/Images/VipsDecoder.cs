using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// GIF, WebP, TIFF, AVIF and, on request, SVG decoding by libvips, on the calling thread. First frame only; colours become 8-bit sRGB;
/// alpha is dropped, not blended, as in Pillow's convert("RGB"). Thread-safe.
/// </summary>
internal static unsafe class VipsDecoder
{
    private const int UnsignedChar = 0;

    /// <summary>
    /// Largest request: libvips's time is quadratic in rows, since it builds the list of a request's lines by appending, and it uses about
    /// 30 bytes of memory per pixel.
    /// </summary>
    private const int StripRows = 64,
        StripPixels = 1 << 20;

    private static readonly Lazy<bool> Started = new(Start);

    private static readonly ReaderWriterLockSlim DecodeLock = new();

    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Decodes to RGBX.</summary>
    /// <exception cref="ImageDecodeException">The format is unknown, or the image is damaged, truncated or too large.</exception>
    public static void Decode(ReadOnlySpan<byte> encoded, PixelBuffer image, ImageLimits limits)
    {
        _ = Started.Value;
        DecodeLock.EnterReadLock();
        try
        {
            DecodeNow(encoded, image, limits);
            return;
        }
        catch (ImageDecodeException)
        {
            // libvips's error buffer is shared by all threads. Decoding again while no other image is decoded yields this image's own
            // reason.
        }
        finally
        {
            DecodeLock.ExitReadLock();
        }

        // An abandoned decode may hold the lock for ever; then only the reason is less exact.
        if (!DecodeLock.TryEnterWriteLock(LockTimeout))
        {
            throw new ImageDecodeException("libvips cannot decode the image");
        }

        try
        {
            _ = VipsOperation.Error();
            DecodeNow(encoded, image, limits);
        }
        finally
        {
            DecodeLock.ExitWriteLock();
        }
    }

    private static void DecodeNow(ReadOnlySpan<byte> encoded, PixelBuffer image, ImageLimits limits)
    {
        fixed (byte* data = encoded)
        {
            using var loaded = Load(data, encoded.Length, limits);
            limits.CheckSize(NativeVips.vips_image_get_width(loaded.Pointer), NativeVips.vips_image_get_height(loaded.Pointer));
            using var rgb = ToRgb(loaded.Pointer);
            CopyPixels(rgb.Pointer, image, limits.Time);
            image.Orientation = new Orientation(NativeVips.vips_image_get_orientation(loaded.Pointer));
        }
    }

    /// <summary>True if libvips knows the format.</summary>
    public static bool Knows(ReadOnlySpan<byte> encoded)
    {
        _ = Started.Value;
        // A negative answer appends to libvips's error buffer, which another thread may be reading.
        DecodeLock.EnterReadLock();
        try
        {
            fixed (byte* data = encoded)
            {
                return NativeVips.vips_foreign_find_load_buffer(data, (nuint)encoded.Length) != 0;
            }
        }
        finally
        {
            DecodeLock.ExitReadLock();
        }
    }

    private static VipsReference Load(byte* data, int length, ImageLimits limits)
    {
        var loader = Marshal.PtrToStringUTF8(NativeVips.vips_foreign_find_load_buffer(data, (nuint)length)) ?? throw VipsOperation.Error();
        if (!limits.Svg && loader.Contains("Svg", StringComparison.OrdinalIgnoreCase))
        {
            throw new ImageDecodeException(
                "SVG is only decoded with data.allow_svg, since a small SVG can compute for ever; convert it to PNG"
            );
        }

        using var load = new VipsOperation(loader);
        load.SetBuffer("buffer", data, length);
        load.Set("access=sequential,fail_on=error");
        return load.Run();
    }

    private static VipsReference ToRgb(nint image)
    {
        using var converted = Convert(image, "colourspace", "space=srgb");
        using var opaque = Convert(converted.Pointer, "extract_band", "band=0,n=3");
        return Convert(opaque.Pointer, "cast", "format=uchar");
    }

    private static VipsReference Convert(nint image, string name, string arguments)
    {
        using var operation = new VipsOperation(name);
        operation.SetImage("in", image);
        operation.Set(arguments);
        return operation.Run();
    }

    /// <summary>Pulls the pixels strip by strip, so that only one strip is held besides the result.</summary>
    private static void CopyPixels(nint rgb, PixelBuffer image, TimeSpan limit)
    {
        var clock = ThreadClock.OfThisThread();
        var started = clock.Used;
        int width = NativeVips.vips_image_get_width(rgb),
            height = NativeVips.vips_image_get_height(rgb);
        if (NativeVips.vips_image_get_bands(rgb) != 3 || NativeVips.vips_image_get_format(rgb) != UnsignedChar)
        {
            throw new ImageDecodeException("the image's colours cannot be converted to RGB");
        }

        image.Resize(width, height);
        using var region = new VipsReference(NativeVips.vips_region_new(rgb));
        var rows = Math.Clamp(StripPixels / width, 1, StripRows);
        for (var top = 0; top < height; top += rows)
        {
            if (clock.Used - started > limit)
            {
                throw new ImageDecodeException(
                    $"its {width} × {height} pixels take longer to decode than data.max_image_seconds, {limit.TotalSeconds:0.###} s"
                );
            }

            var count = Math.Min(rows, height - top);
            nuint length;
            var strip = NativeVips.vips_region_fetch(region.Pointer, 0, top, width, count, &length);
            if (strip is null)
            {
                throw VipsOperation.Error();
            }

            ExpandToRgbx(strip, image.Row(top), (long)width * count);
            NativeVips.g_free((nint)strip);
        }
    }

    private static void ExpandToRgbx(byte* rgb, byte* rgbx, long pixels)
    {
        for (var end = rgb + (pixels * 3); rgb < end; rgb += 3, rgbx += 4)
        {
            *(uint*)rgbx = (uint)(rgb[0] | (rgb[1] << 8) | (rgb[2] << 16));
        }
    }

    private static bool Start()
    {
        try
        {
            NativeVips.g_log_set_default_handler(&Discard, 0);
            if (NativeVips.vips_init("cliptrain") != 0)
            {
                throw new InvalidOperationException("libvips failed to start: " + VipsOperation.Error().Message);
            }
        }
        catch (DllNotFoundException e)
        {
            throw new InvalidOperationException("libvips is missing; rebuild ClipTrain, which restores it from NuGet for this platform", e);
        }

        // The caller decodes on several threads already, and never decodes the same image twice.
        NativeVips.vips_concurrency_set(1);
        NativeVips.vips_cache_set_max(0);

        // Loaders that libvips marks as unfit for untrusted input are off, except SVG: it has no access to scripts or files here and is
        // only drawn with ImageLimits.Svg.
        NativeVips.vips_block_untrusted_set(1);
        NativeVips.vips_operation_block_set("VipsForeignLoadSvg", 0);
        return true;
    }

    /// <summary>Drops libvips's warnings: damaged images are reported as exceptions.</summary>
    [UnmanagedCallersOnly]
    private static void Discard(nint domain, int level, nint message, nint data) { }
}
