using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tga;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;

namespace ClipTrain.DataPipeline.Images;

/// <summary>PNG, BMP and TGA decoding by ImageSharp. Alpha is dropped, not blended, as in Pillow's convert("RGB"). Thread-safe.</summary>
internal static unsafe class ManagedDecoder
{
    private static readonly Configuration Configuration = new(
        new PngConfigurationModule(),
        new BmpConfigurationModule(),
        new TgaConfigurationModule()
    )
    {
        MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions { MaximumPoolSizeMegabytes = 64 }),
        MaxDegreeOfParallelism = 1,
    };

    /// <summary>
    /// The decoder for a format, by its first bytes; null for other formats. TGA has no magic number: see <see
    /// cref="PixelLength.LooksLikeTga"/>.
    /// </summary>
    public static IImageDecoder? Of(ReadOnlySpan<byte> encoded) =>
        encoded switch
        {
            [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => new PngDecoder(),
            [(byte)'B', (byte)'M', ..] => new BmpDecoder(),
            _ => null,
        };

    /// <summary>Decodes to RGBX.</summary>
    /// <exception cref="ImageDecodeException">The image is damaged, truncated or larger than the limits.</exception>
    public static void Decode(ReadOnlySpan<byte> encoded, IImageDecoder decoder, PixelBuffer image, ImageLimits limits)
    {
        var name = decoder.GetType().Name[..3].ToUpperInvariant();
        try
        {
            fixed (byte* bytes = encoded)
            {
                using var stream = new UnmanagedMemoryStream(bytes, encoded.Length);
                var info =
                    ((IImageInfoDetector)decoder).Identify(Configuration, stream, CancellationToken.None)
                    ?? throw new ImageDecodeException($"{name}: the header cannot be read");
                limits.CheckSize(info.Width, info.Height);
                if (PixelLength.Missing(encoded, info.Width, info.Height) is { } missing)
                {
                    throw new ImageDecodeException($"{name}: {missing}");
                }

                stream.Position = 0;
                using var decoded = decoder.Decode<Rgba32>(Configuration, stream, CancellationToken.None);
                Copy(decoded, image);
            }
        }
        catch (Exception e) when (e is not (ImageDecodeException or OutOfMemoryException))
        {
            // ImageSharp throws exceptions of any type on damaged input.
            throw new ImageDecodeException($"{name}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static void Copy(Image<Rgba32> decoded, PixelBuffer image)
    {
        image.Resize(decoded.Width, decoded.Height);
        decoded.ProcessPixelRows(rows =>
        {
            for (var y = 0; y < rows.Height; y++)
            {
                System
                    .Runtime.InteropServices.MemoryMarshal.AsBytes(rows.GetRowSpan(y))
                    .CopyTo(new Span<byte>(image.Row(y), (int)image.Stride));
            }
        });
        image.Orientation = decoded.Metadata.ExifProfile?.GetValue(ExifTag.Orientation)?.Value is >= 1 and <= 8 and var value
            ? new Orientation(value)
            : Orientation.Upright;
    }
}
