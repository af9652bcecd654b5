using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Evaluation.ZeroShot;

/// <summary>
/// The scores of one class over images in descending order, for ranking metrics. Images may count several times or not at all, as in a
/// bootstrap.
/// </summary>
public sealed class RankedScores
{
    private const int RecallLevels = 11;

    private readonly int[] _order;
    private readonly float[] _scores;
    private readonly bool[] _positive;

    /// <param name="scores">The score of the class for each image.</param>
    /// <param name="positive">True for images of the class.</param>
    public RankedScores(float[] scores, bool[] positive)
    {
        (_scores, _positive) = (scores, positive);
        _order = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).ThenBy(i => i)];
    }

    /// <summary>
    /// VOC2007's average precision: the mean over recalls 0, 0.1, …, 1 of the largest precision at that recall or higher (Everingham et al.
    /// 2010, section 4.2). NaN without a positive image.
    /// </summary>
    /// <param name="times">Number of times that each image counts; empty for once each.</param>
    public double AveragePrecision11(ReadOnlySpan<int> times = default)
    {
        long positives = 0;
        for (var i = 0; i < _order.Length; i++)
        {
            positives += _positive[i] ? Times(times, i) : 0;
        }

        if (positives == 0)
        {
            return double.NaN;
        }

        Span<double> best = stackalloc double[RecallLevels];
        best.Clear();
        long found = 0,
            seen = 0;
        var place = 0;
        while (place < _order.Length)
        {
            // Images with equal scores enter together.
            var score = _scores[_order[place]];
            for (; place < _order.Length && _scores[_order[place]] == score; place++)
            {
                var count = Times(times, _order[place]);
                seen += count;
                found += _positive[_order[place]] ? count : 0;
            }

            if (seen == 0)
            {
                continue;
            }

            // Recall ≥ level / 10, in integers.
            var reached = (int)Math.Min(RecallLevels - 1, found * 10 / positives);
            var precision = found / (double)seen;
            for (var level = 0; level <= reached; level++)
            {
                best[level] = Math.Max(best[level], precision);
            }
        }

        var sum = 0.0;
        foreach (var precision in best)
        {
            sum += precision;
        }

        return sum / RecallLevels;
    }

    /// <summary>
    /// Area under the ROC curve: the probability that an image of the class scores higher than another image, with ties counted half.
    /// NaN unless there are images of both kinds.
    /// </summary>
    /// <param name="times">Number of times that each image counts; empty for once each.</param>
    public double RocAuc(ReadOnlySpan<int> times = default)
    {
        long positives = 0,
            negatives = 0;
        var twiceWon = 0.0;
        var place = _order.Length - 1;
        while (place >= 0)
        {
            var score = _scores[_order[place]];
            long tiedPositives = 0,
                tiedNegatives = 0;
            for (; place >= 0 && _scores[_order[place]] == score; place--)
            {
                var count = Times(times, _order[place]);
                if (_positive[_order[place]])
                {
                    tiedPositives += count;
                }
                else
                {
                    tiedNegatives += count;
                }
            }

            twiceWon += tiedPositives * ((2.0 * negatives) + tiedNegatives);
            positives += tiedPositives;
            negatives += tiedNegatives;
        }

        return positives == 0 || negatives == 0 ? double.NaN : twiceWon / 2 / positives / negatives;
    }

    /// <summary>Mean of a metric over classes where it is defined, with a bootstrap interval over images.</summary>
    public static (double Value, Interval Interval) MeanOf(
        IReadOnlyList<RankedScores> classes,
        int images,
        Func<RankedScores, int[], double> figure
    )
    {
        double Mean(int[] times) =>
            classes.Select(ranked => figure(ranked, times)).Where(value => !double.IsNaN(value)).DefaultIfEmpty(double.NaN).Average();
        return (Mean([]), Bootstrap.Intervals(images, times => [Mean(times)])[0]);
    }

    private static int Times(ReadOnlySpan<int> times, int image) => times.IsEmpty ? 1 : times[image];
}
