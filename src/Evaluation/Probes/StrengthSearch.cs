namespace ClipTrain.Evaluation.Probes;

/// <summary>One tried strength.</summary>
/// <param name="C">Inverse strength of the penalty.</param>
/// <param name="Accuracy">Fraction of correct validation images.</param>
public readonly record struct TriedStrength(double C, double Accuracy);

/// <summary>
/// The CLIP paper's search (appendix A.3) over 96 logarithmic steps from 1e-6 to 1e6, eight per decade: first seven strengths two
/// decades apart, then the neighbours of the best at half the distance, until they are one step apart.
/// </summary>
public static class StrengthSearch
{
    private const int StepsPerDecade = 8,
        Steps = 96,
        FirstDistance = 16;
    private const double Least = -6;

    /// <param name="accuracy">Returns the validation accuracy of a probe with inverse strength C.</param>
    /// <returns>The best C (the smallest of equals), and all tried strengths in ascending order of C.</returns>
    public static (double Best, IReadOnlyList<TriedStrength> Tried) Run(Func<double, double> accuracy)
    {
        var tried = new SortedDictionary<int, double>();
        for (var step = 0; step <= Steps; step += FirstDistance)
        {
            Try(step);
        }

        for (var distance = FirstDistance / 2; distance >= 1; distance /= 2)
        {
            var best = Best();
            Try(best - distance);
            Try(best + distance);
        }

        return (C(Best()), [.. tried.Select(entry => new TriedStrength(C(entry.Key), entry.Value))]);

        void Try(int step)
        {
            if (step is >= 0 and <= Steps && !tried.ContainsKey(step))
            {
                tried.Add(step, accuracy(C(step)));
            }
        }

        int Best() => tried.MaxBy(entry => entry.Value).Key;

        static double C(int step) => Math.Pow(10, Least + (step / (double)StepsPerDecade));
    }
}
