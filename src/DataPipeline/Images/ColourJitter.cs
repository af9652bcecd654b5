using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Images;

/// <summary>Strength of colour changes: torchvision's ColorJitter with its formulas on 8 bits, which are Pillow's.</summary>
/// <param name="Probability">Share of samples whose colours are changed.</param>
/// <param name="Brightness">The factor is uniform in 1 ± this, at least 0.</param>
/// <param name="Contrast">The same for the distance from the mean grey.</param>
/// <param name="Saturation">The same for the distance from each pixel's grey.</param>
/// <param name="Hue">Hues are rotated by a share of the colour circle, uniform in ± this; at most one half.</param>
public sealed record ColourJitter(double Probability, double Brightness, double Contrast, double Saturation, double Hue)
{
    /// <summary>No change.</summary>
    public static ColourJitter None { get; } = new(0, 0, 0, 0, 0);

    /// <summary>Draws whether and how much to change the colours, and applies the four changes in random order.</summary>
    internal void Apply(Span<uint> rgbx, ref CounterRandom random)
    {
        if (Probability == 0 || random.NextDouble() >= Probability)
        {
            return;
        }

        Span<int> order = [0, 1, 2, 3];
        random.Shuffle(order);

        float brightness = Factor(Brightness, ref random),
            contrast = Factor(Contrast, ref random),
            saturation = Factor(Saturation, ref random);
        var hue = random.NextDouble(-Hue, Hue);
        foreach (var change in order)
        {
            if (change == 0 && Brightness > 0)
            {
                ColourChange.Brightness(rgbx, brightness);
            }
            else if (change == 1 && Contrast > 0)
            {
                ColourChange.Contrast(rgbx, contrast);
            }
            else if (change == 2 && Saturation > 0)
            {
                ColourChange.Saturation(rgbx, saturation);
            }
            else if (change == 3 && Hue > 0)
            {
                ColourChange.Hue(rgbx, hue);
            }
        }
    }

    private static float Factor(double range, ref CounterRandom random) => (float)random.NextDouble(Math.Max(0, 1 - range), 1 + range);
}
