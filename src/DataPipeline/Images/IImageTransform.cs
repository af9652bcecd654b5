using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Turns an encoded image into the image tower's input: 3 planes (red, green, blue) of <see cref="Size"/> × <see cref="Size"/> values of
/// <see cref="Type"/>. Not thread-safe: a loader creates one per thread.
/// </summary>
public interface IImageTransform : IDisposable
{
    /// <summary>Side of the output in pixels.</summary>
    int Size { get; }

    /// <summary>Type of the output's values.</summary>
    ImageType Type { get; }

    /// <summary>Size of the output in bytes.</summary>
    int OutputBytes => 3 * Size * Size * Type.Bytes();

    /// <summary>Makes the training view of an image; all random choices come from <paramref name="random"/>.</summary>
    /// <param name="encoded">The image file's bytes.</param>
    /// <param name="random">Randomness of this sample in this epoch.</param>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random);

    /// <summary>Makes the evaluation view of an image, without randomness.</summary>
    /// <param name="encoded">The image file's bytes.</param>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    void Evaluate(ReadOnlySpan<byte> encoded);

    /// <summary>Writes the latest view. A separate step, so that an abandoned decode does not touch a batch.</summary>
    /// <param name="chw">Receives [3, Size, Size] of <see cref="Type"/>.</param>
    void Write(Span<byte> chw);
}

public static class ImageTransformExtensions
{
    /// <summary>Makes the training view and writes it.</summary>
    public static void Train(this IImageTransform transform, ReadOnlySpan<byte> encoded, ref CounterRandom random, Span<byte> chw)
    {
        transform.Train(encoded, ref random);
        transform.Write(chw);
    }

    /// <summary>Makes the evaluation view and writes it.</summary>
    public static void Evaluate(this IImageTransform transform, ReadOnlySpan<byte> encoded, Span<byte> chw)
    {
        transform.Evaluate(encoded);
        transform.Write(chw);
    }
}

/// <summary>Type of an image's values in a batch.</summary>
public enum ImageType
{
    /// <summary>fp32, normalised.</summary>
    Fp32,

    /// <summary>bf16, normalised in fp32 and rounded to nearest even.</summary>
    Bf16,

    /// <summary>0 to 255, normalised on the model's device: a quarter of fp32's bytes to hold and to copy.</summary>
    UInt8,
}

public static class ImageTypeExtensions
{
    /// <summary>Bytes per value.</summary>
    public static int Bytes(this ImageType type) =>
        type switch
        {
            ImageType.Fp32 => sizeof(float),
            ImageType.Bf16 => sizeof(ushort),
            ImageType.UInt8 => sizeof(byte),
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown image type"),
        };
}

/// <summary>Bytes that are not a usable image. Loaders skip and report such samples.</summary>
public sealed class ImageDecodeException(string message, Exception? inner = null) : Exception(message, inner);
