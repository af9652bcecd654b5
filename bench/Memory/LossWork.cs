using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.Memory;

/// <summary>The loss over random embeddings and its gradients, full or tiled. N pairs, b of them on this rank, D embedding.</summary>
internal static class LossWork
{
    private const double Scale = 20;
    private const int TileRows = 512;

    /// <param name="form">full (the matrix of logits under autograd), tiled (softmax by tiles) or sigmoid (by tiles).</param>
    public static Measurement Measure(RankGroup group, string form, int pairs, int width)
    {
        using var scope = NewDisposeScope();
        Compute(group, form, Embeddings(64, width), Embeddings(64, width));
        var (images_ND, texts_ND) = (Embeddings(pairs, width), Embeddings(pairs, width));
        return Measurement.Of(() => Compute(group, form, images_ND, texts_ND));
    }

    private static void Compute(RankGroup group, string form, torch.Tensor images_ND, torch.Tensor texts_ND)
    {
        using var scope = NewDisposeScope();
        if (form == "full")
        {
            Full(group, images_ND, texts_ND);
            return;
        }

        var (offset, length) = Share(group, images_ND.size(0));
        var counts = Enumerable.Repeat(length, group.WorldSize).ToArray();
        IPairLoss loss = form == "sigmoid" ? new SigmoidLoss(group, TileRows) : new ContrastiveLoss(group, TileRows);
        loss.Compute(images_ND.narrow(0, offset, length), texts_ND, counts, Scale);
    }

    /// <summary>
    /// The computation of open_clip with --local-loss and --gather-with-grad: local images against all texts, local texts against
    /// all images, cross-entropy of both under autograd. A single process has one matrix and its transpose.
    /// </summary>
    private static void Full(RankGroup group, torch.Tensor images_ND, torch.Tensor texts_ND)
    {
        var (offset, length) = Share(group, images_ND.size(0));
        var (images, texts) = (images_ND.detach().requires_grad_(), texts_ND.detach().requires_grad_());
        var perImage_bN = images.narrow(0, offset, length).mul(Scale).MatMul(texts.t());
        var perText_bN = group.WorldSize == 1 ? perImage_bN.t() : texts.narrow(0, offset, length).mul(Scale).MatMul(images.t());
        var labels_b = arange(offset, offset + length, 1, int64);
        var loss = (nn.functional.cross_entropy(perImage_bN, labels_b) + nn.functional.cross_entropy(perText_bN, labels_b)) / 2;
        loss.backward();
        group.AllReduceSum(images.grad!);
        group.AllReduceSum(texts.grad!);
    }

    private static (long Offset, long Length) Share(RankGroup group, long pairs) =>
        (pairs / group.WorldSize * group.Rank, pairs / group.WorldSize);

    private static torch.Tensor Embeddings(long count, int width)
    {
        using var scope = NewDisposeScope();
        return nn.functional.normalize(randn([count, width]), 2, -1).MoveToOuterDisposeScope();
    }
}
