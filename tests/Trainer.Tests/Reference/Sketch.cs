namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>
/// A few numbers that represent a tensor and give its distance to another of the same size: its norm, and its inner products with
/// random signs. The mean square of the differences of these products is an unbiased estimate of the squared norm of the tensors'
/// difference (Alon, Matias and Szegedy 1996).
/// </summary>
/// <param name="Norm">‖x‖.</param>
/// <param name="Products">⟨x, signs⟩, for <see cref="Count"/> draws of signs.</param>
public sealed record Sketch(double Norm, IReadOnlyList<double> Products)
{
    /// <summary>With four products an estimate is below a tenth of the true value once in a thousand times.</summary>
    private const int Count = 4;

    /// <param name="name">Seed of the signs, so that two tensors of the same name use the same ones.</param>
    /// <param name="values">x.</param>
    public static Sketch Of(string name, ReadOnlySpan<float> values)
    {
        double squares = 0;
        foreach (var value in values)
        {
            squares += (double)value * value;
        }

        var products = new double[Count];
        for (var i = 0; i < Count; i++)
        {
            var (random, bits) = (SeededInputs.Random((ulong)i, name), 0u);
            for (var j = 0; j < values.Length; j++)
            {
                bits = j % 32 == 0 ? random.NextUInt32() : bits >> 1;
                products[i] += (bits & 1) == 0 ? values[j] : -values[j];
            }
        }

        return new Sketch(Math.Sqrt(squares), products);
    }

    /// <summary>An estimate of ‖x − y‖².</summary>
    public double SquaredDistance(Sketch other) => Products.Zip(other.Products, (x, y) => (x - y) * (x - y)).Average();
}
