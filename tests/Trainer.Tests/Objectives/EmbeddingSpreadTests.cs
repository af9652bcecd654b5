using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Objectives;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

public class EmbeddingSpreadTests
{
    [Theory]
    [InlineData(8, 3)]
    [InlineData(8, 8)]
    [InlineData(40, 8)]
    public void Opposite_pairs_of_k_axes_spread_over_k_directions(int width, int axes)
    {
        // Rows ±e₁ … ±eₖ have mean zero and equal variance along k axes.
        var half = eye(width).narrow(0, 0, axes);
        var spread = EmbeddingSpread.Of(cat([half, -half], 0))!.Value;
        Assert.Equal(axes, spread.EffectiveRank, 4);
        // A row meets its opposite once among the other 2k − 1 rows.
        Assert.Equal(-1.0 / ((2 * axes) - 1), spread.MeanCosine, 5);
    }

    [Theory]
    [InlineData(30, 12)]
    [InlineData(12, 30)]
    [InlineData(300, 5)]
    public void Cosine_and_rank_are_those_of_their_definitions(int rows, int width)
    {
        using var generator = new Generator();
        generator.manual_seed(rows);
        var x_nD = nn.functional.normalize(rand([rows, width], generator: generator), 2, -1);
        var used_nD = x_nD.narrow(0, 0, Math.Min(rows, EmbeddingSpread.MaxRows)).to(float64);
        var n = used_nD.size(0);
        var cosines_nn = used_nD.MatMul(used_nD.transpose(0, 1));
        var centred_nD = used_nD - used_nD.mean([0L], keepdim: true);
        var eigenvalues = linalg.eigvalsh(centred_nD.transpose(0, 1).MatMul(centred_nD));

        var spread = EmbeddingSpread.Of(x_nD)!.Value;

        Assert.Equal((cosines_nn.sum().item<double>() - n) / (n * (n - 1)), spread.MeanCosine, 5);
        Assert.Equal(Math.Pow(eigenvalues.sum().item<double>(), 2) / eigenvalues.square().sum().item<double>(), spread.EffectiveRank, 3);
    }

    [Fact]
    public void Equal_rows_have_cosine_and_rank_one()
    {
        var spread = EmbeddingSpread.Of(nn.functional.normalize(arange(1, 33, float32), 2, 0).expand(20, 32))!.Value;
        Assert.Equal(1, spread.MeanCosine, 4);
        Assert.Equal(1, spread.EffectiveRank);
    }

    [Fact]
    public void One_row_has_no_spread() => Assert.Null(EmbeddingSpread.Of(ones([1, 4])));
}
