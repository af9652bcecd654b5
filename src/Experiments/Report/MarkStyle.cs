using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Report;

/// <summary>
/// Marks of results: the colour shows the model size, the shape the samples seen. Where there are more amounts of samples than shapes,
/// neighbouring ones share a shape, which the legend says.
/// </summary>
internal sealed class MarkStyle
{
    private readonly List<double> _sizes,
        _samples;

    public MarkStyle(IReadOnlyList<Observation> rows)
    {
        _sizes = [.. rows.Select(row => row.Params).OfType<double>().Distinct().Order()];
        _samples = [.. rows.Select(row => row.Data).OfType<double>().Distinct().Order()];
    }

    public IReadOnlyList<(string Text, string Color, int Shape)> Legend =>
        [
            .. Thinned(_sizes).Select(size => ($"{Figure.Short(size)} parameters", ColorOf(size), 0)),
            .. HasShapes
                ? _samples.GroupBy(ShapeOf).Select(shared => ($"{Range(shared.First(), shared.Last())} samples", "#888888", shared.Key))
                : [],
        ];

    private bool HasShapes => _samples.Count > 1;

    public Mark Of(Observation row, double x, double y, bool ringed = false)
    {
        var model = row.Params is { } parameters ? $", {Figure.Short(parameters)} parameters" : "";
        var samples = row.Data is { } seen ? $", {Figure.Short(seen)} samples" : "";
        return new(
            x,
            y,
            row.Params is { } size ? ColorOf(size) : "#5b7fa6",
            HasShapes && row.Data is { } data ? ShapeOf(data) : 0,
            $"{Figure.Short(row.X)}: {Figure.Short(row.Y)}{model}{samples}",
            ringed
        );
    }

    /// <summary>The shape of an amount: its own, or that of an even share of the amounts.</summary>
    private int ShapeOf(double samples) => _samples.BinarySearch(samples) * Math.Min(_samples.Count, LogLogChart.Shapes) / _samples.Count;

    private static string Range(double first, double last) =>
        first == last ? Figure.Short(first) : $"{Figure.Short(first)} to {Figure.Short(last)}";

    private string ColorOf(double size) =>
        Palette.OfSize(_sizes.Count < 2 ? 0.25 : Math.Log(size / _sizes[0]) / Math.Log(_sizes[^1] / _sizes[0]));

    /// <summary>Limits the legend to six sizes.</summary>
    private static IEnumerable<double> Thinned(List<double> sizes) =>
        sizes.Where((_, i) => sizes.Count <= 6 || i % ((sizes.Count + 5) / 6) == 0 || i == sizes.Count - 1);
}

/// <summary>Colours of laws, and of model sizes from small to large.</summary>
internal static class Palette
{
    private static readonly (int R, int G, int B)[] Sizes = [(98, 72, 168), (49, 104, 142), (31, 158, 137), (109, 205, 89), (224, 190, 30)];

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
