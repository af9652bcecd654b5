using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

/// <summary>Properties of every loss over the logits of a global batch. A new loss gets a subclass with its formula.</summary>
public abstract class PairLossTests
{
    private const int Width = 16;

    /// <summary>Bias that is added to the logits.</summary>
    private const double Bias = -3.5;

    protected abstract IPairLoss Create(RankGroup group, int tileRows);

    /// <summary>The loss of the whole matrix of logits NN by operators that autograd differentiates.</summary>
    protected abstract torch.Tensor Formula(torch.Tensor logits_NN);

    [Theory]
    [InlineData(1, 1024)]
    [InlineData(2, 1)]
    [InlineData(17, 4)]
    [InlineData(17, 17)]
    [InlineData(64, 10)]
    public void The_loss_and_its_gradients_are_those_of_the_whole_matrix_for_any_tile(int pairs, int tileRows)
    {
        const double logScale = 2.3;
        var (images, texts) = (Embeddings(pairs, 1), Embeddings(pairs, 2));
        var (imagesWithGrad, textsWithGrad) = (images.clone().requires_grad_(), texts.clone().requires_grad_());
        var (scale, bias) = (full([], logScale, float32).requires_grad_(), full([], Bias, float32).requires_grad_());
        var expected = Formula((imagesWithGrad * scale.exp()).MatMul(textsWithGrad.t()) + bias);
        expected.backward();

        var result = Create(new RankGroup(), tileRows).Compute(images, texts, [pairs], Math.Exp(logScale), Bias);

        Assert.Equal(expected.item<float>(), result.Loss, 1e-5 * Math.Max(1, result.Loss));
        Assert.InRange(Norms.RelativeDifference(result.ImageGradient_bD.AsSpan<float>(), imagesWithGrad.grad!.AsSpan<float>()), 0, 2e-6);
        Assert.InRange(Norms.RelativeDifference(result.TextGradient_bD.AsSpan<float>(), textsWithGrad.grad!.AsSpan<float>()), 0, 2e-6);
        Assert.Equal(scale.grad!.item<float>(), result.LogitScaleGradient, 1e-5);
        Assert.Equal(bias.grad!.item<float>(), result.LogitBiasGradient, 1e-5);
    }

    public static TheoryData<int, int> Ranks_and_tiles() =>
        new()
        {
            { 1, 4 },
            { 2, 1 },
            { 2, 3 },
            { 2, 1024 },
            { 3, 1 },
            { 3, 4 },
            { 3, 1024 },
            { 4, 2 },
            { 4, 5 },
            { 4, 1024 },
        };

    [Theory]
    [MemberData(nameof(Ranks_and_tiles))]
    public void Ranks_with_unequal_shares_get_the_gradients_of_the_whole_batch(int worldSize, int tileRows)
    {
        long[] counts = [5, 0, 9, 3];
        counts = counts[..worldSize];
        var total = (int)counts.Sum();
        var whole = Create(new RankGroup(), 1024).Compute(Embeddings(total, 1), Embeddings(total, 2), [total], 20, Bias);

        var parts = Ranks.Run(
            worldSize,
            group =>
            {
                var first = counts[..group.Rank].Sum();
                var images = Embeddings(total, 1).narrow(0, first, counts[group.Rank]);
                return Create(group, tileRows).Compute(images, Embeddings(total, 2), counts, 20, Bias);
            }
        );

        Assert.All(parts, part => Assert.Equal(whole.Loss, part.Loss, 1e-6 * Math.Max(1, whole.Loss)));
        Assert.Equal(
            whole.LogitScaleGradient,
            parts.Sum(part => part.LogitScaleGradient),
            1e-6 * Math.Max(1, Math.Abs(whole.LogitScaleGradient))
        );
        Assert.Equal(whole.LogitBiasGradient, parts.Sum(part => part.LogitBiasGradient), 1e-6);
        Assert.InRange(
            Norms.RelativeDifference(Concatenate(parts, part => part.ImageGradient_bD), whole.ImageGradient_bD.AsSpan<float>()),
            0,
            1e-6
        );
        Assert.InRange(
            Norms.RelativeDifference(Concatenate(parts, part => part.TextGradient_bD), whole.TextGradient_bD.AsSpan<float>()),
            0,
            1e-6
        );
    }

    [Fact]
    public void A_batch_without_any_pair_is_rejected()
    {
        var none = Embeddings(0, 1);
        Assert.Throws<ArgumentException>(() => Create(new RankGroup(), 8).Compute(none, none, [0], 1));
    }

    protected static torch.Tensor Embeddings(int count, int seed)
    {
        using var generator = new torch.Generator();
        generator.manual_seed(seed);
        return nn.functional.normalize(randn([count, Width], generator: generator), 2, -1);
    }

    private static float[] Concatenate(PairLossResult[] parts, Func<PairLossResult, torch.Tensor> select) =>
        [.. parts.SelectMany(part => select(part).AsSpan<float>().ToArray())];
}
