namespace ClipTrain.Bench.OpenClip;

/// <summary>Distance of tensors from the reference.</summary>
/// <param name="Whole">‖a − b‖ / ‖b‖ over all tensors.</param>
/// <param name="WorstTensor">Largest ‖a − b‖ / ‖b‖ of a single tensor.</param>
/// <param name="Worst">Name of that tensor.</param>
/// <param name="Largest">Largest difference of two elements, relative to the largest element.</param>
internal sealed record Deviation(double Whole, double WorstTensor, string Worst, double Largest)
{
    public static Deviation Of(IEnumerable<(string Name, float[] Ours, float[] Theirs)> tensors)
    {
        double difference = 0,
            norm = 0,
            largest = 0,
            scale = 0;
        var (worst, worstTensor) = ("", 0.0);
        foreach (var (name, ours, theirs) in tensors)
        {
            if (ours.Length != theirs.Length)
            {
                throw new InvalidOperationException($"{name}: {ours.Length} elements, but the reference has {theirs.Length}.");
            }

            double tensorDifference = 0,
                tensorNorm = 0;
            for (var i = 0; i < ours.Length; i++)
            {
                double apart = Math.Abs((double)ours[i] - theirs[i]),
                    size = Math.Abs((double)theirs[i]);
                (tensorDifference, tensorNorm) = (tensorDifference + (apart * apart), tensorNorm + (size * size));

                // Unlike Math.Max, this must keep a NaN.
                (largest, scale) = (apart <= largest ? largest : apart, size <= scale ? scale : size);
            }

            (difference, norm) = (difference + tensorDifference, norm + tensorNorm);
            if (!(Ratio(tensorDifference, tensorNorm) <= worstTensor))
            {
                (worst, worstTensor) = (name, Ratio(tensorDifference, tensorNorm));
            }
        }

        return new Deviation(Ratio(difference, norm), worstTensor, worst, scale == 0 ? largest : largest / scale);
    }

    private static double Ratio(double difference, double norm) => difference == 0 ? 0 : Math.Sqrt(difference / norm);
}
