using MathNet.Numerics.Distributions;

namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// Noise of trials for a bootstrap, from the deviations of the measured trials. A trial receives all deviations of another, and a normal
/// vector with the covariance of the deviations: a smoothed bootstrap, shrunk to keep the variance (Silverman and Young 1987). Points of
/// a trial stay as correlated as they were.
/// </summary>
internal static class SmoothedNoise
{
    /// <param name="deviations">Deviations of each trial's points.</param>
    /// <param name="size">Factor of the noise.</param>
    /// <param name="random">Source of the draw.</param>
    /// <returns>The noise of one draw, by trial and point.</returns>
    public static Func<int, int, double> Draw(double[][] deviations, double size, Random random)
    {
        // Weights of the measured trials in each drawn trial.
        var weights = new double[deviations.Length][];
        var width = Width(deviations.Length);
        for (var trial = 0; trial < weights.Length; trial++)
        {
            weights[trial] = new double[deviations.Length];
            Normal.Samples(random, weights[trial], 0, width / Math.Sqrt(deviations.Length));
            weights[trial][random.Next(deviations.Length)] += random.Next(2) == 0 ? -1 : 1;
        }

        var scale = size / Math.Sqrt(1 + (width * width));
        return (trial, point) =>
        {
            var noise = 0.0;
            for (var source = 0; source < deviations.Length; source++)
            {
                noise += weights[trial][source] * deviations[source][point % deviations[source].Length];
            }

            return scale * noise;
        };
    }

    /// <summary>Standard deviation of the kernel, in those of the deviations, for normal ones (Silverman 1986, equation 3.28).</summary>
    private static double Width(int count) => 1.06 * Math.Pow(count, -0.2);
}
