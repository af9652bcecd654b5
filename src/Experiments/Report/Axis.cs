namespace ClipTrain.Experiments.Report;

/// <summary>A logarithmic axis.</summary>
internal sealed class Axis
{
    private const int FewestTicks = 4;

    private readonly double _low,
        _high,
        _from,
        _to;

    /// <param name="values">Values that must fit on the axis.</param>
    /// <param name="from">Coordinate of the smallest value.</param>
    /// <param name="to">Coordinate of the largest value.</param>
    public Axis(IEnumerable<double> values, double from, double to)
    {
        double[] logs = [.. values.Where(value => value > 0 && double.IsFinite(value)).Select(Math.Log10)];
        var margin = Math.Max(0.02, 0.05 * (logs.Max() - logs.Min()));
        (_low, _high, _from, _to) = (logs.Min() - margin, logs.Max() + margin, from, to);
    }

    public double Low => Math.Pow(10, _low);

    public double High => Math.Pow(10, _high);

    public double Place(double value) => _from + ((Math.Log10(value) - _low) / (_high - _low) * (_to - _from));

    /// <summary>Evenly spaced values on the axis, for curves.</summary>
    public IEnumerable<double> Spread(int count) =>
        Enumerable.Range(0, count).Select(i => Math.Pow(10, _low + ((_high - _low) * i / (count - 1))));

    /// <summary>Round values: powers of ten, or multiples such as 1, 2 and 5, or steps of a round size if the axis is short.</summary>
    public IReadOnlyList<double> Ticks()
    {
        foreach (var mantissas in new double[][] { [1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7] })
        {
            var ticks = Decades().SelectMany(decade => mantissas.Select(mantissa => mantissa * Math.Pow(10, decade))).Where(Fits).ToList();
            if (ticks.Count >= FewestTicks)
            {
                return ticks.Count <= 9 ? ticks : [.. ticks.Where((_, i) => i % ((ticks.Count / 9) + 1) == 0)];
            }
        }

        var step = Math.Pow(10, Math.Floor(Math.Log10((High - Low) / FewestTicks)));
        step *=
            (High - Low) / step > 20 ? 5
            : (High - Low) / step > 9 ? 2
            : 1;
        var first = Math.Ceiling(Low / step);
        return [.. Enumerable.Range(0, 25).Select(i => (first + i) * step).TakeWhile(Fits)];
    }

    private IEnumerable<int> Decades() => Enumerable.Range((int)Math.Floor(_low), (int)Math.Ceiling(_high) - (int)Math.Floor(_low) + 1);

    private bool Fits(double value) => value >= Low && value <= High;
}
