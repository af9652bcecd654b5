using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

public class ContrastiveLossTests
{
    private const int Width = 16;

    [Theory]
    [InlineData(1, 1024)]
    [InlineData(2, 1)]
    [InlineData(17, 4)]
    [InlineData(17, 17)]
    [InlineData(64, 10)]
    public void The_loss_equals_cross_entropy_over_the_whole_matrix_for_any_tile(int pairs, int tileRows)
    {
        const double logScale = 2.3;
        var (images, texts) = (Embeddings(pairs, 1), Embeddings(pairs, 2));
        var (imagesWithGrad, textsWithGrad) = (images.clone().requires_grad_(), texts.clone().requires_grad_());
        var scale = full([], logScale, float32).requires_grad_();
        var logits = (imagesWithGrad * scale.exp()).MatMul(textsWithGrad.t());
        var labels = arange(pairs, int64);
        var expected = (nn.functional.cross_entropy(logits, labels) + nn.functional.cross_entropy(logits.t(), labels)) / 2;
        expected.backward();

        var result = new ContrastiveLoss(new RankGroup(), tileRows).Compute(images, texts, [pairs], Math.Exp(logScale));

        Assert.Equal(expected.item<float>(), result.Loss, 1e-5);
        Assert.InRange(Norms.RelativeDifference(result.ImageGradient_bD.AsSpan<float>(), imagesWithGrad.grad!.AsSpan<float>()), 0, 2e-6);
        Assert.InRange(Norms.RelativeDifference(result.TextGradient_bD.AsSpan<float>(), textsWithGrad.grad!.AsSpan<float>()), 0, 2e-6);
        Assert.Equal(scale.grad!.item<float>(), result.LogitScaleGradient, 1e-5);
    }

    [Theory]
    [InlineData(2, 3)]
    [InlineData(3, 1024)]
    [InlineData(4, 2)]
    public void Ranks_with_unequal_shares_get_the_gradients_of_the_whole_batch(int worldSize, int tileRows)
    {
        long[] counts = [5, 0, 9, 3];
        counts = counts[..worldSize];
        var total = (int)counts.Sum();
        var whole = new ContrastiveLoss(new RankGroup(), 1024).Compute(Embeddings(total, 1), Embeddings(total, 2), [total], 20);

        var parts = Ranks.Run(
            worldSize,
            group =>
            {
                var first = counts[..group.Rank].Sum();
                var images = Embeddings(total, 1).narrow(0, first, counts[group.Rank]);
                return new ContrastiveLoss(group, tileRows).Compute(images, Embeddings(total, 2), counts, 20);
            }
        );

        Assert.All(parts, part => Assert.Equal(whole.Loss, part.Loss, 1e-6));
        Assert.Equal(whole.LogitScaleGradient, parts.Sum(part => part.LogitScaleGradient), 1e-6);
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
        Assert.Throws<ArgumentException>(() => new ContrastiveLoss(new RankGroup(), 8).Compute(none, none, [0], 1));
    }

    private static float[] Concatenate(PairLossResult[] parts, Func<PairLossResult, torch.Tensor> select) =>
        [.. parts.SelectMany(part => select(part).AsSpan<float>().ToArray())];

    private static torch.Tensor Embeddings(int count, int seed)
    {
        using var generator = new torch.Generator();
        generator.manual_seed(seed);
        return nn.functional.normalize(randn([count, Width], generator: generator), 2, -1);
    }
}
