using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Turns an encoded image into the image tower's input: 3 planes (red, green, blue) of <see cref="Size"/> × <see cref="Size"/>
/// values of <see cref="Type"/>. Not thread-safe: a loader makes one for each of its threads.
/// </summary>
public interface IImageTransform : IDisposable
{
    /// <summary>Side of the output in pixels.</summary>
    int Size { get; }

    /// <summary>Type of the output's values.</summary>
    ImageType Type { get; }

    /// <summary>Bytes of the output.</summary>
    int OutputBytes => 3 * Size * Size * Type.Bytes();

    /// <summary>Makes the training view of an image; every random choice is drawn from <paramref name="random"/>.</summary>
    /// <param name="encoded">The image file's bytes.</param>
    /// <param name="random">Randomness of this sample in this epoch.</param>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random);

    /// <summary>Makes the evaluation view of an image, without randomness.</summary>
    /// <param name="encoded">The image file's bytes.</param>
    /// <exception cref="ImageDecodeException">The bytes are not a usable image.</exception>
    void Evaluate(ReadOnlySpan<byte> encoded);

    /// <summary>Writes the view that was made last. A step of its own, so that a decode that was given up touches no batch.</summary>
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
