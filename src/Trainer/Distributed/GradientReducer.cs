using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>
/// The elements [<paramref name="Offset"/>, <paramref name="Offset"/> + <paramref name="Length"/>) of a flat gradient buffer.
/// </summary>
public readonly record struct GradientBucket(long Offset, long Length)
{
    public long End => Offset + Length;
}

/// <summary>A leaf of the autograd graph and the offset of its gradient in the flat buffer.</summary>
public readonly record struct FlatLeaf(torch.Tensor Leaf, long Offset)
{
    public long End => Offset + Leaf.numel();
}

/// <summary>
/// Moves leaves' gradients into a flat buffer and sums them over the ranks while the backward pass still computes others. Between <see
/// cref="Begin"/> and <see cref="Finish"/> the caller reports finished leaves; a bucket's all-reduce starts once its leaves and all
/// earlier buckets are complete. Buckets start in list order on every rank, whatever the order of the gradients, so a rank without a
/// backward pass takes part too.
/// </summary>
/// <remarks>With three or more ranks, the rounding of sums depends on the buckets: identical bits require identical buckets.</remarks>
public sealed class GradientReducer : IDisposable
{
    private readonly torch.Tensor _flat;
    private readonly ProcessGroup? _group;
    private readonly FlatLeaf[] _leaves;
    private readonly torch.Tensor[] _places;
    private readonly GradientBucket[] _buckets;
    private readonly int[] _missing;
    private readonly bool[] _isDone;
    private readonly List<Work> _started = [];
    private bool _begun,
        _accumulates,
        _reduces;

    /// <param name="leaves">Leaves that require gradients, with disjoint ranges.</param>
    /// <param name="flat">Contiguous one-dimensional float32 tensor. Do not use it between Begin and Finish.</param>
    /// <param name="group">The ranks; null for a single rank, whose gradients are only moved.</param>
    /// <param name="buckets">Ranges that together cover the flat buffer, in the order of reduction; the same on every rank. A leaf may
    /// span several.</param>
    /// <exception cref="ArgumentException">The buckets do not cover the buffer exactly once, a tensor is not such a leaf, or a leaf lies
    /// outside the buffer.</exception>
    public GradientReducer(IReadOnlyList<FlatLeaf> leaves, torch.Tensor flat, ProcessGroup? group, IReadOnlyList<GradientBucket> buckets)
    {
        var elements = flat.numel();
        CheckCover(buckets, elements);
        foreach (var (leaf, offset) in leaves)
        {
            if (!leaf.is_leaf || !leaf.requires_grad)
            {
                throw new ArgumentException($"{TensorMemory.Describe(leaf)} is not a leaf that requires a gradient.", nameof(leaves));
            }

            if (offset < 0 || offset + leaf.numel() > elements)
            {
                throw new ArgumentException(
                    $"{TensorMemory.Describe(leaf)} at {offset} does not fit a buffer of {elements} elements.",
                    nameof(leaves)
                );
            }
        }

        (_flat, _group, _leaves, _buckets) = (flat, group, [.. leaves], [.. buckets]);
        using var guard = no_grad();
        _places = [.. leaves.Select(leaf => Place(leaf).DetachFromDisposeScope())];
        (_missing, _isDone) = (new int[_buckets.Length], new bool[_leaves.Length]);
    }

    /// <summary>Starts a round, in which every leaf is collected once.</summary>
    /// <param name="accumulate">True to add to the flat buffer; false to overwrite it.</param>
    /// <param name="reduce">True to sum over the ranks; false for all but the last micro-batch.</param>
    /// <exception cref="InvalidOperationException">A round is already in progress.</exception>
    public void Begin(bool accumulate, bool reduce = true)
    {
        if (_begun)
        {
            throw new InvalidOperationException("Begin was called twice without Finish.");
        }

        (_begun, _accumulates, _reduces) = (true, accumulate, reduce && _group is not null);
        _started.Clear();
        Array.Clear(_isDone);
        for (var bucket = 0; bucket < _buckets.Length; bucket++)
        {
            _missing[bucket] = _leaves.Count(leaf => Overlap(leaf, _buckets[bucket]));
        }
    }

    /// <summary>
    /// Moves the gradients of leaves that no further backward pass of this round reaches. A leaf without a gradient counts as zero.
    /// </summary>
    /// <param name="leaves">Indices of the leaves.</param>
    /// <exception cref="InvalidOperationException">No round is in progress, or a leaf is collected a second time.</exception>
    public void Collect(IReadOnlyList<int> leaves)
    {
        if (!_begun)
        {
            throw new InvalidOperationException("Gradients were collected before Begin.");
        }

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var i in leaves)
        {
            if (_isDone[i])
            {
                throw new InvalidOperationException($"Leaf {i} was collected twice.");
            }

            Move(i);
            _isDone[i] = true;
            for (var bucket = 0; bucket < _buckets.Length; bucket++)
            {
                _missing[bucket] -= Overlap(_leaves[i], _buckets[bucket]) ? 1 : 0;
            }
        }

        while (_reduces && _started.Count < _buckets.Length && _missing[_started.Count] == 0)
        {
            var bucket = _buckets[_started.Count];
            _started.Add(_group!.AllReduce(_flat.narrow(0, bucket.Offset, bucket.Length)));
        }
    }

    /// <summary>Collects the remaining leaves and waits for all buckets. The flat buffer then contains the sums over the ranks.</summary>
    /// <param name="abort">Aborts the wait, as in <see cref="Work.Wait(CancellationToken)"/>.</param>
    /// <exception cref="DistributedException">
    /// A collective failed or took too long, or the wait was aborted. Collectives may write to the flat buffer until the group's timeout
    /// has passed: abandon the group, and create a new one with another buffer.
    /// </exception>
    /// <exception cref="InvalidOperationException">No round is in progress.</exception>
    public void Finish(CancellationToken abort = default)
    {
        Collect([.. Enumerable.Range(0, _leaves.Length).Where(leaf => !_isDone[leaf])]);
        _begun = false;
        foreach (var work in _started)
        {
            work.Wait(abort);
        }
    }

    public void Dispose() => Array.ForEach(_places, place => place.Dispose());

    private static bool Overlap(FlatLeaf leaf, GradientBucket bucket) => leaf.Offset < bucket.End && bucket.Offset < leaf.End;

    private torch.Tensor Place(FlatLeaf leaf) => _flat.narrow(0, leaf.Offset, leaf.Leaf.numel()).view(leaf.Leaf.shape);

    private void Move(int leaf)
    {
        var gradient = _leaves[leaf].Leaf.grad;
        if (gradient is null && !_accumulates)
        {
            _places[leaf].zero_();
        }
        else if (gradient is not null && _accumulates)
        {
            _places[leaf].add_(gradient);
        }
        else if (gradient is not null)
        {
            _places[leaf].copy_(gradient);
        }

        _leaves[leaf].Leaf.grad = null;
    }

    private static void CheckCover(IReadOnlyList<GradientBucket> buckets, long elements)
    {
        long covered = 0;
        foreach (var bucket in buckets.OrderBy(bucket => bucket.Offset))
        {
            if (bucket.Offset != covered || bucket.Length < 1)
            {
                throw new ArgumentException($"Buckets must be contiguous; {bucket} does not start at {covered}.", nameof(buckets));
            }

            covered += bucket.Length;
        }

        if (covered != elements)
        {
            throw new ArgumentException($"The buckets end at {covered} of {elements} elements.", nameof(buckets));
        }
    }
}
