namespace ClipTrain.Experiments.Scaling;

/// <summary>A power law through the compute frontier: the lowest error at each amount of compute.</summary>
/// <param name="name">Its name.</param>
/// <param name="choose">Selects the rows on the frontier, and the logarithm of x at which each is placed.</param>
public sealed class FrontierLaw(string name, Func<Sample, IReadOnlyList<(int Row, double LogX)>> choose) : PowerLaw
{
    private const int BinCount = 5;

    public override string Name => name;

    /// <summary>
    /// The frontier published for CLIP (Cherti et al. 2022): log10 x over [least, most + 0.1] in five equal bins, with the lowest error
    /// of each at the bin's centre.
    /// </summary>
    public static FrontierLaw Bins() =>
        new(
            "frontier_bins",
            sample =>
            {
                var (least, most) = (sample.LogX[0], sample.LogX[^1] + (0.1 * Math.Log(10)));
                var width = (most - least) / BinCount;
                return
                [
                    .. Enumerable
                        .Range(0, sample.Count)
                        .GroupBy(row => Math.Min(BinCount - 1, (int)((sample.LogX[row] - least) / width)))
                        .Select(bin => (bin.MinBy(row => sample.LogY[row]), least + ((bin.Key + 0.5) * width))),
                ];
            }
        );

    /// <summary>The lower left part of the convex hull on log-log axes, from the lowest compute to the lowest error.</summary>
    public static FrontierLaw Hull() =>
        new(
            "frontier_hull",
            sample =>
            {
                var best = Enumerable.Range(0, sample.Count).MinBy(row => sample.LogY[row]);
                var hull = new List<int>();
                foreach (
                    var row in Enumerable
                        .Range(0, sample.Count)
                        .GroupBy(row => sample.LogX[row])
                        .Select(rows => rows.MinBy(row => sample.LogY[row]))
                        .TakeWhile(row => sample.LogX[row] <= sample.LogX[best])
                )
                {
                    while (hull.Count > 1 && Turns(sample, hull[^2], hull[^1], row) <= 0)
                    {
                        hull.RemoveAt(hull.Count - 1);
                    }

                    hull.Add(row);
                }

                return [.. hull.Select(row => (row, sample.LogX[row]))];
            }
        );

    /// <summary>
    /// Selects the frontier points, at their positions for the fit. The seeds of a trial are averaged first, since a lucky seed is not a
    /// frontier.
    /// </summary>
    public override Sample Select(Sample sample)
    {
        var means = sample.MeanOverSeeds();
        var chosen = choose(means);
        return Sample.Of(
            chosen.Select(point => new Observation(Math.Exp(point.LogX), Math.Exp(means.LogY[point.Row]))
            {
                Curve = $"{means.Trials[point.Row]}",
            })
        );
    }

    private static double Turns(Sample s, int a, int b, int c) =>
        ((s.LogX[b] - s.LogX[a]) * (s.LogY[c] - s.LogY[a])) - ((s.LogY[b] - s.LogY[a]) * (s.LogX[c] - s.LogX[a]));
}
