namespace ClipTrain.Experiments.Report;

/// <summary>Colours of a report: of laws, and of model sizes from small to large.</summary>
internal static class Palette
{
    private static readonly (int R, int G, int B)[] Sizes = [(72, 40, 120), (49, 104, 142), (31, 158, 137), (109, 205, 89), (224, 190, 30)];

    public static string OfLaw(string law) =>
        law switch
        {
            "power" or "frontier_bins" => "#2f6db3",
            "power_floor" or "frontier_hull" => "#c2553a",
            "bnsl" => "#2c9467",
            "m4" => "#8a5fc0",
            _ => "#b0842a",
        };

    /// <param name="share">0 for the smallest model, 1 for the largest.</param>
    public static string OfSize(double share)
    {
        var place = Math.Clamp(share, 0, 1) * (Sizes.Length - 1);
        var below = Math.Min((int)place, Sizes.Length - 2);
        var (from, to, part) = (Sizes[below], Sizes[below + 1], place - below);
        return $"#{Mix(from.R, to.R):x2}{Mix(from.G, to.G):x2}{Mix(from.B, to.B):x2}";

        int Mix(int a, int b) => (int)Math.Round(a + (part * (b - a)));
    }
}
