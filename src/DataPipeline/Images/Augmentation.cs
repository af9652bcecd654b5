using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// What training does to a crop, in torchvision's order: mirrored, colours changed, colours taken away. Each is drawn from the
/// sample's own generator.
/// </summary>
internal static class Augmentation
{
    public static void Apply(Span<uint> square, ImageTransformOptions options, ref CounterRandom random)
    {
        if (options.FlipProbability > 0 && random.NextDouble() < options.FlipProbability)
            Mirror(square, options.Size);
        options.Jitter.Apply(square, ref random);
        if (options.GreyscaleProbability > 0 && random.NextDouble() < options.GreyscaleProbability)
            ColourChange.Greyscale(square);
    }

    internal static void Mirror(Span<uint> square, int side)
    {
        for (var row = 0; row < side; row++)
            square.Slice(row * side, side).Reverse();
    }
}
