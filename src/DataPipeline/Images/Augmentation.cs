using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Training augmentation of a crop, in this order: flip, rotation and border, colour jitter, greyscale, blur, JPEG compression. Random
/// choices come from the sample's own generator; a change that is off draws nothing. Not thread-safe.
/// </summary>
/// <param name="options">Side of the crops, probabilities and strengths.</param>
internal sealed class Augmentation(ImageTransformOptions options) : IDisposable
{
    private readonly WarpKernel _warp = new(options.Size);
    private readonly BlurKernel _blur = new(options.Size);
    private readonly JpegRoundTrip _jpeg = new(options.Size);

    /// <param name="square">RGBX, changed in place.</param>
    /// <param name="random">The sample's generator.</param>
    public void Apply(Span<uint> square, ref CounterRandom random)
    {
        if (options.FlipProbability > 0 && random.NextDouble() < options.FlipProbability)
        {
            Mirror(square, options.Size);
        }

        Frame(square, ref random);
        options.Jitter.Apply(square, ref random);
        if (options.GreyscaleProbability > 0 && random.NextDouble() < options.GreyscaleProbability)
        {
            ColourChange.Greyscale(square);
        }

        if (options.Blur.Draw(ref random) is { } sigma)
        {
            _blur.Blur(square, sigma);
        }

        if (options.Compression.Draw(ref random) is { } quality)
        {
            _jpeg.Apply(square, quality);
        }
    }

    public void Dispose() => _jpeg.Dispose();

    internal static void Mirror(Span<uint> square, int side)
    {
        for (var row = 0; row < side; row++)
        {
            square.Slice(row * side, side).Reverse();
        }
    }

    /// <summary>Rotation and border in one pass, on a background of one colour.</summary>
    private void Frame(Span<uint> square, ref CounterRandom random)
    {
        var degrees = options.Rotation.Draw(ref random);
        var border = options.Border.Draw(ref random);
        if (degrees is not null || border is not null)
        {
            _warp.Apply(square, degrees ?? 0, border ?? 0, Background(ref random));
        }
    }

    /// <summary>White, black or a uniformly drawn colour, equally often.</summary>
    private static uint Background(ref CounterRandom random) =>
        random.NextInt64(3) switch
        {
            0 => 0xFFFFFF,
            1 => 0,
            _ => random.NextUInt32() & 0xFFFFFF,
        };
}
