using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Report;

/// <summary>How results are marked: the model's size by colour, the samples seen by shape.</summary>
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
            .. HasShapes ? _samples.Select((samples, i) => ($"{Figure.Short(samples)} samples", "#888888", i)) : [],
        ];

    private bool HasShapes => _samples.Count is > 1 and <= LogLogChart.Shapes;

    public Mark Of(Observation row, double x, double y, bool ringed = false) =>
        new(
            x,
            y,
            row.Params is { } size ? ColorOf(size) : "#5b7fa6",
            HasShapes && row.Data is { } data ? _samples.IndexOf(data) : 0,
            $"{Figure.Short(row.X)}: {Figure.Short(row.Y)}{(row.Params is { } n ? $", {Figure.Short(n)} parameters" : "")}{(row.Data is { } d ? $", {Figure.Short(d)} samples" : "")}",
            ringed
        );

    private string ColorOf(double size) =>
        Palette.OfSize(_sizes.Count < 2 ? 0.25 : Math.Log(size / _sizes[0]) / Math.Log(_sizes[^1] / _sizes[0]));

    /// <summary>The legend names six sizes at most.</summary>
    private static IEnumerable<double> Thinned(List<double> sizes) =>
        sizes.Where((_, i) => sizes.Count <= 6 || i % ((sizes.Count + 5) / 6) == 0 || i == sizes.Count - 1);
}
