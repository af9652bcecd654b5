using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

public class SigmoidLossTests
{
    private const int Width = 16;

    [Theory]
    [InlineData(1, 1024)]
    [InlineData(2, 1)]
    [InlineData(17, 4)]
    [InlineData(17, 17)]
    [InlineData(64, 10)]
    public void The_loss_equals_the_log_sigmoids_of_the_whole_matrix_for_any_tile(int pairs, int tileRows)
    {
        const double logScale = 2.3,
            bias = -3.5;
        var (images, texts) = (Embeddings(pairs, 1), Embeddings(pairs, 2));
        var (imagesWithGrad, textsWithGrad) = (images.clone().requires_grad_(), texts.clone().requires_grad_());
        var (scale, offset) = (full([], logScale, float32).requires_grad_(), full([], bias, float32).requires_grad_());
        var logits = (imagesWithGrad * scale.exp()).MatMul(textsWithGrad.t()) + offset;
        var signs = (eye(pairs) * 2) - 1;
        var expected = nn.functional.logsigmoid(logits * signs).sum() * (-1.0 / pairs);
        expected.backward();

        var result = new SigmoidLoss(new RankGroup(), tileRows).Compute(images, texts, [pairs], Math.Exp(logScale), bias);

        Assert.Equal(expected.item<float>(), result.Loss, 1e-5 * Math.Max(1, result.Loss));
        Assert.InRange(Norms.RelativeDifference(result.ImageGradient_bD.AsSpan<float>(), imagesWithGrad.grad!.AsSpan<float>()), 0, 2e-6);
        Assert.InRange(Norms.RelativeDifference(result.TextGradient_bD.AsSpan<float>(), textsWithGrad.grad!.AsSpan<float>()), 0, 2e-6);
        Assert.Equal(scale.grad!.item<float>(), result.LogitScaleGradient, 1e-5);
        Assert.Equal(offset.grad!.item<float>(), result.LogitBiasGradient, 1e-5);
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
        var whole = new SigmoidLoss(new RankGroup(), 1024).Compute(Embeddings(total, 1), Embeddings(total, 2), [total], 20, -5);

        var parts = Ranks.Run(
            worldSize,
            group =>
            {
                var first = counts[..group.Rank].Sum();
                var images = Embeddings(total, 1).narrow(0, first, counts[group.Rank]);
                return new SigmoidLoss(group, tileRows).Compute(images, Embeddings(total, 2), counts, 20, -5);
            }
        );

        Assert.All(parts, part => Assert.Equal(whole.Loss, part.Loss, 1e-6));
        Assert.Equal(whole.LogitScaleGradient, parts.Sum(part => part.LogitScaleGradient), 1e-6);
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

    [Theory]
    [InlineData(100, -10)]
    [InlineData(100, 60)]
    [InlineData(1, -100)]
    public void Large_logits_neither_overflow_nor_lose_precision(double scale, double bias)
    {
        var (images, texts) = (Embeddings(9, 1), Embeddings(9, 2));
        var logits = ((images * scale).MatMul(texts.t()) + bias).to(float64);
        var expected = nn.functional.logsigmoid(logits * ((eye(9) * 2) - 1).to(float64)).sum().item<double>() / -9;

        var result = new SigmoidLoss(new RankGroup(), 4).Compute(images, texts, [9], scale, bias);

        Assert.Equal(expected, result.Loss, 1e-4 * Math.Max(1, expected));
        Assert.True(result.ImageGradient_bD.isfinite().all().item<bool>());
    }

    [Fact]
    public void A_batch_without_any_pair_is_rejected()
    {
        var none = Embeddings(0, 1);
        Assert.Throws<ArgumentException>(() => new SigmoidLoss(new RankGroup(), 8).Compute(none, none, [0], 1));
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
