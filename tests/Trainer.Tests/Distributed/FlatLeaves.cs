using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Distributed;

/// <summary>Leaves of several dtypes with offsets in a flat buffer, and backward passes with known gradients.</summary>
internal sealed class FlatLeaves
{
    /// <summary>
    /// Elements 0 to 14 are leaf 0, 15 to 21 leaf 1, 24 to 1,023 leaf 2, 1,024 to 1,039 leaf 3; 22 and 23 belong to none.
    /// </summary>
    public static readonly long[] Offsets = [0, 15, 24, 1024];
    public const long Length = 1040;

    /// <summary>From the last leaf to the first, cut where leaves are.</summary>
    public static readonly GradientBucket[] Buckets = [new(1024, 16), new(24, 1000), new(0, 24)];

    public torch.Tensor[] Leaves { get; } =
    [
        zeros([3, 5], requires_grad: true),
        zeros([7], bfloat16, requires_grad: true),
        zeros([10, 100], bfloat16, requires_grad: true),
        zeros([4, 4], requires_grad: true),
    ];

    /// <summary>Content of the buffer before the first gradient.</summary>
    public torch.Tensor Flat { get; } = full([Length], 5.0);

    public GradientReducer Reducer(ProcessGroup? group, params IReadOnlyList<GradientBucket> buckets) =>
        new([.. Leaves.Zip(Offsets, (leaf, offset) => new FlatLeaf(leaf, offset))], Flat, group, buckets);

    /// <summary>Moves the gradients after backward, without summing them over ranks.</summary>
    public void Collect(bool accumulate)
    {
        using var own = Reducer(null, new GradientBucket(0, Length));
        own.Begin(accumulate);
        own.Finish();
    }

    /// <summary>
    /// Gives some leaves (by default all) gradients that follow from the seed: eighths between −4 and 4, whose sums are exact
    /// in any order, or with <paramref name="rounds"/> numbers whose sums round.
    /// </summary>
    public void Backward(int seed, bool rounds = false, params int[] which)
    {
        using var scope = NewDisposeScope();
        var loss = zeros([]);
        foreach (var i in which.Length == 0 ? [0, 1, 2, 3] : which)
        {
            var leaf = Leaves[i];
            var random = new Random((100 * seed) + i);
            float[] values =
            [
                .. Enumerable.Range(0, (int)leaf.numel()).Select(_ => rounds ? random.NextSingle() : random.Next(-32, 33) / 8f),
            ];
            loss += (leaf * tensor(values).view(leaf.shape).to(leaf.dtype)).sum().to(float32);
        }

        loss.backward();
    }
}
