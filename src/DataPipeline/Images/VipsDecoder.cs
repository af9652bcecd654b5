using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// GIF, WebP, TIFF, AVIF and, where it is asked for, SVG through libvips, in the calling thread. The first frame only; colours become sRGB
/// of 8 bits; alpha is dropped, not blended, as Pillow's convert("RGB") does. Any number of threads.
/// </summary>
internal static unsafe class VipsDecoder
{
    private const int UnsignedChar = 0;

    /// <summary>
    /// What is asked for at once, at most: libvips takes time quadratic in rows, as it lists the lines of a request by appending, and
    /// memory of some 30 bytes a pixel.
    /// </summary>
    private const int StripRows = 64,
        StripPixels = 1 << 20;

    private static readonly Lazy<bool> Started = new(Start);

    private static readonly ReaderWriterLockSlim Turns = new();

    private static readonly TimeSpan TurnPatience = TimeSpan.FromSeconds(1);

    /// <exception cref="ImageDecodeException">No loader knows the format, or the image is damaged, truncated or too large.</exception>
    public static void Decode(ReadOnlySpan<byte> encoded, PixelBuffer image, ImageLimits limits)
    {
        _ = Started.Value;
        Turns.EnterReadLock();
        try
        {
            DecodeNow(encoded, image, limits);
            return;
        }
        catch (ImageDecodeException)
        {
            // libvips' error text is one for all threads. Decoded again while no other image is, the reason is this image's own.
        }
        finally
        {
            Turns.ExitReadLock();
        }

        // A decode that was given up may be among the others, and never end: then only the reason is less exact.
        if (!Turns.TryEnterWriteLock(TurnPatience))
            throw new ImageDecodeException("libvips cannot decode the image");
        try
        {
            _ = VipsOperation.Error();
            DecodeNow(encoded, image, limits);
        }
        finally
        {
            Turns.ExitWriteLock();
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

    /// <summary>Whether libvips knows the format.</summary>
    public static bool Knows(ReadOnlySpan<byte> encoded)
    {
        _ = Started.Value;
        // A "no" adds to libvips' error text, which another thread may be reading.
        Turns.EnterReadLock();
        try
        {
            fixed (byte* data = encoded)
                return NativeVips.vips_foreign_find_load_buffer(data, (nuint)encoded.Length) != 0;
        }
        finally
        {
            Turns.ExitReadLock();
        }
    }

    private static VipsReference Load(byte* data, int length, ImageLimits limits)
    {
        var loader = Marshal.PtrToStringUTF8(NativeVips.vips_foreign_find_load_buffer(data, (nuint)length)) ?? throw VipsOperation.Error();
        if (!limits.Svg && loader.Contains("Svg", StringComparison.OrdinalIgnoreCase))
            throw new ImageDecodeException(
                "SVG is drawn only in runs with data.allow_svg, since a few bytes of it can compute for ever; convert it to PNG"
            );
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

    /// <summary>Pulls the pixels strip by strip, so that beside the result only a strip is held.</summary>
    private static void CopyPixels(nint rgb, PixelBuffer image, TimeSpan limit)
    {
        var clock = ThreadClock.OfThisThread();
        var started = clock.Used;
        int width = NativeVips.vips_image_get_width(rgb),
            height = NativeVips.vips_image_get_height(rgb);
        if (NativeVips.vips_image_get_bands(rgb) != 3 || NativeVips.vips_image_get_format(rgb) != UnsignedChar)
            throw new ImageDecodeException("the image has no colours that can be shown as RGB");

        image.Resize(width, height);
        using var region = new VipsReference(NativeVips.vips_region_new(rgb));
        var rows = Math.Clamp(StripPixels / width, 1, StripRows);
        for (var top = 0; top < height; top += rows)
        {
            if (clock.Used - started > limit)
                throw new ImageDecodeException(
                    $"its {width} × {height} pixels take longer than data.max_image_seconds, {limit.TotalSeconds:0.###} s, to decode"
                );
            var count = Math.Min(rows, height - top);
            nuint length;
            var strip = NativeVips.vips_region_fetch(region.Pointer, 0, top, width, count, &length);
            if (strip is null)
                throw VipsOperation.Error();
            ExpandToRgbx(strip, image.Row(top), (long)width * count);
            NativeVips.g_free((nint)strip);
        }
    }

    private static void ExpandToRgbx(byte* rgb, byte* rgbx, long pixels)
    {
        for (var end = rgb + (pixels * 3); rgb < end; rgb += 3, rgbx += 4)
            *(uint*)rgbx = (uint)(rgb[0] | (rgb[1] << 8) | (rgb[2] << 16));
    }

    private static bool Start()
    {
        try
        {
            NativeVips.g_log_set_default_handler(&Discard, 0);
            if (NativeVips.vips_init("cliptrain") != 0)
                throw new InvalidOperationException("libvips does not start: " + VipsOperation.Error().Message);
        }
        catch (DllNotFoundException e)
        {
            throw new InvalidOperationException(
                "libvips is missing: build ClipTrain again, which fetches it from NuGet for this platform",
                e
            );
        }

        // Images are decoded on as many threads as the caller has; results are never asked for twice.
        NativeVips.vips_concurrency_set(1);
        NativeVips.vips_cache_set_max(0);

        // Loaders that libvips itself calls unfit for untrusted input are off, but for SVG, which has no scripts and no files here and is
        // drawn where ImageLimits.Svg asks for it.
        NativeVips.vips_block_untrusted_set(1);
        NativeVips.vips_operation_block_set("VipsForeignLoadSvg", 0);
        return true;
    }

    /// <summary>Damaged images are reported as exceptions; libvips' warnings about them would only fill the terminal.</summary>
    [UnmanagedCallersOnly]
    private static void Discard(nint domain, int level, nint message, nint data) { }
}
