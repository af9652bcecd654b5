using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

/// <summary>Cross-entropy over rows and columns. A bias changes nothing.</summary>
public sealed class ContrastiveLossTests : PairLossTests
{
    protected override IPairLoss Create(RankGroup group, int tileRows) => new ContrastiveLoss(group, tileRows);

    protected override torch.Tensor Formula(torch.Tensor logits_NN)
    {
        var labels_N = arange(logits_NN.size(0), int64);
        return (nn.functional.cross_entropy(logits_NN, labels_N) + nn.functional.cross_entropy(logits_NN.t(), labels_N)) / 2;
    }
}
