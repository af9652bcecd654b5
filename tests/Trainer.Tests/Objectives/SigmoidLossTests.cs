using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

/// <summary>Log-sigmoids of every pair of image and text.</summary>
public sealed class SigmoidLossTests : PairLossTests
{
    protected override IPairLoss Create(RankGroup group, int tileRows) => new SigmoidLoss(group, tileRows);

    protected override torch.Tensor Formula(torch.Tensor logits_NN)
    {
        var pairs = logits_NN.size(0);
        var signs_NN = (eye(pairs) * 2) - 1;
        return nn.functional.logsigmoid(logits_NN * signs_NN).sum() * (-1.0 / pairs);
    }

    [Theory]
    [InlineData(100, -10)]
    [InlineData(100, 60)]
    [InlineData(1, -100)]
    public void Large_logits_neither_overflow_nor_lose_precision(double scale, double bias)
    {
        var (images, texts) = (Embeddings(9, 1), Embeddings(9, 2));
        var expected = Formula(((images * scale).MatMul(texts.t()) + bias).to(float64)).item<double>();

        var result = Create(new RankGroup(), 4).Compute(images, texts, [9], scale, bias);

        Assert.Equal(expected, result.Loss, 1e-4 * Math.Max(1, expected));
        Assert.True(result.ImageGradient_bD.isfinite().all().item<bool>());
    }
}
