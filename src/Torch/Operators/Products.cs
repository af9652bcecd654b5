using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>Products of matrices, in the type of their factors. Sums are fp32 and rounded once (<see cref="HalfTypes"/>).</summary>
public static class Products
{
    /// <summary>
    /// torch.matmul, composed as libtorch does it: …K · KN → …N, or …MK · …KN → …MN with the same leading dimensions.
    /// </summary>
    /// <exception cref="ExternalException">The shapes do not match, or there is not enough memory; with libtorch's text.</exception>
    public static Tensor MatMul(this Tensor left, Tensor right) => HalfTypes.Multiply(left, right, OfMatrices);

    /// <summary>torch.nn.functional.linear: x · weightᵀ + bias, …K · NK → …N.</summary>
    /// <exception cref="ExternalException">The shapes do not match, or there is not enough memory; with libtorch's text.</exception>
    [SuppressMessage("ApiDesign", "RS0030", Justification = "The one place that calls it.")]
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null) =>
        HalfTypes.Multiply(
            x,
            weight,
            (x, weight) =>
            {
                using var biasOfType = bias?.to(x.dtype);
                return nn.functional.linear(x, weight, biasOfType);
            }
        );

    private static Tensor OfMatrices(Tensor left, Tensor right)
    {
        if (left.dim() == 2 && right.dim() == 2)
        {
            return left.mm(right);
        }

        var (leading, rows) = (left.shape[..^2], left.size(-2));
        if (right.dim() == 2)
        {
            using var flat = left.reshape(-1, left.size(-1));
            using var product = flat.mm(right);
            return product.view([.. leading, rows, product.size(1)]);
        }

        if (!leading.AsSpan().SequenceEqual(right.shape.AsSpan()[..^2]))
        {
            throw new ExternalException($"{TensorMemory.Describe(left)} and {TensorMemory.Describe(right)} differ in leading dimensions.");
        }

        using var lefts = left.reshape(-1, rows, left.size(-1));
        using var rights = right.reshape(-1, right.size(-2), right.size(-1));
        using var products = lefts.bmm(rights);
        return products.view([.. leading, rows, products.size(2)]);
    }
}
