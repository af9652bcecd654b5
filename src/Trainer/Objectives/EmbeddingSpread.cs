using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>How far embeddings of unit length spread over the sphere.</summary>
/// <param name="MeanCosine">Mean cosine similarity of two different rows; 1 if all rows are equal.</param>
/// <param name="EffectiveRank">
/// Participation ratio (Σλ)² / Σλ² of the eigenvalues λ of the rows' covariance (Gao et al. 2017, bioRxiv 214262): k if k directions
/// have equal variance and the others none. At most the number of rows minus 1; 1 if all rows are equal.
/// </param>
public readonly record struct EmbeddingSpread(double MeanCosine, double EffectiveRank)
{
    /// <summary>Bounds the cost: a product of 256 × 256 embeddings is small beside any tower.</summary>
    public const long MaxRows = 256;

    /// <summary>Variance below which rows are equal up to rounding, so that their directions mean nothing.</summary>
    private const double NoVariance = 1e-6;

    /// <summary>Measures the first rows; null if there are fewer than two.</summary>
    /// <param name="embeddings_bD">fp32 rows of unit length.</param>
    public static EmbeddingSpread? Of(torch.Tensor embeddings_bD)
    {
        var rows = Math.Min(MaxRows, embeddings_bD.size(0));
        if (rows < 2)
        {
            return null;
        }

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var rows_nD = embeddings_bD.detach().narrow(0, 0, rows);
        var mean_D = rows_nD.mean([0L]);
        var centred_nD = rows_nD - mean_D;
        // Both Gram matrices have the same eigenvalues other than zero, and the smaller one suffices. The sum of squares of a symmetric
        // matrix is that of its eigenvalues, so no eigenvalue is computed.
        var transposed_Dn = centred_nD.transpose(0, 1);
        var gram = rows < rows_nD.size(1) ? centred_nD.MatMul(transposed_Dn) : transposed_Dn.MatMul(centred_nD);
        var sums = stack([mean_D.square().sum(), centred_nD.square().sum(), gram.square().sum()], 0).to(float64).cpu();
        var (squaredMean, trace, squares) = (sums[0].item<double>(), sums[1].item<double>(), sums[2].item<double>());
        // |Σx|² = n + (the sum of the n(n − 1) cosines of different rows).
        var cosine = ((rows * squaredMean) - 1) / (rows - 1);
        return new EmbeddingSpread(cosine, trace / rows < NoVariance ? 1 : trace * trace / squares);
    }
}
