using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Collectives;

/// <summary>A leaf of the autograd graph and where its gradient goes in the flat buffer.</summary>
public readonly record struct FlatLeaf(Tensor Leaf, long Offset)
{
    public long End => Offset + Leaf.numel();
}

/// <summary>
/// Moves leaves' gradients into a flat buffer, and sums them over the ranks while backward still computes others. Between
/// <see cref="Begin"/> and <see cref="Finish"/> the caller says which leaves are done; a bucket's all-reduce starts once its
/// leaves and all buckets before it are there. Buckets start in the list's order on every rank, whatever the order in which
/// gradients come, so a rank that runs no backward takes part too.
/// </summary>
/// <remarks>Sums over three and more ranks depend on how the buffer is cut, by rounding: for the same bits, keep the buckets.</remarks>
public sealed class GradientReducer : IDisposable
{
    private readonly Tensor _flat;
    private readonly ProcessGroup? _group;
    private readonly FlatLeaf[] _leaves;
    private readonly Tensor[] _places;
    private readonly GradientBucket[] _buckets;
    private readonly int[] _missing;
    private readonly bool[] _isDone;
    private readonly List<Work> _started = [];
    private bool _begun,
        _accumulates,
        _reduces;

    /// <param name="leaves">Leaves that require gradients; their ranges must not overlap.</param>
    /// <param name="flat">Contiguous float32 of one dimension. Not to be touched between Begin and Finish.</param>
    /// <param name="group">The ranks; null for one rank, whose gradients are only moved.</param>
    /// <param name="buckets">Ranges that together are the flat buffer, the first to be reduced first; the same on every rank. A leaf may
    /// lie in several.</param>
    /// <exception cref="ArgumentException">The buckets do not cover the buffer once, a tensor is no such leaf, or a leaf lies outside the
    /// buffer.</exception>
    public GradientReducer(IReadOnlyList<FlatLeaf> leaves, Tensor flat, ProcessGroup? group, IReadOnlyList<GradientBucket> buckets)
    {
        var elements = flat.numel();
        CheckCover(buckets, elements);
        foreach (var (leaf, offset) in leaves)
        {
            if (!leaf.is_leaf || !leaf.requires_grad)
                throw new ArgumentException($"{TensorMemory.Describe(leaf)} is no leaf that requires a gradient.", nameof(leaves));
            if (offset < 0 || offset + leaf.numel() > elements)
                throw new ArgumentException(
                    $"{TensorMemory.Describe(leaf)} at {offset} does not fit a buffer of {elements} elements.",
                    nameof(leaves)
                );
        }

        (_flat, _group, _leaves, _buckets) = (flat, group, [.. leaves], [.. buckets]);
        using var guard = no_grad();
        _places = [.. leaves.Select(leaf => Place(leaf).DetachFromDisposeScope())];
        (_missing, _isDone) = (new int[_buckets.Length], new bool[_leaves.Length]);
    }

    /// <summary>Expects gradients of every leaf, once.</summary>
    /// <param name="accumulate">Add to what the flat buffer holds, in place of overwriting it.</param>
    /// <param name="reduce">Sum over the ranks; false for all but the last micro-batch.</param>
    /// <exception cref="InvalidOperationException">It was begun already.</exception>
    public void Begin(bool accumulate, bool reduce = true)
    {
        if (_begun)
            throw new InvalidOperationException("Begin was called twice without Finish.");
        (_begun, _accumulates, _reduces) = (true, accumulate, reduce && _group is not null);
        _started.Clear();
        Array.Clear(_isDone);
        for (var bucket = 0; bucket < _buckets.Length; bucket++)
            _missing[bucket] = _leaves.Count(leaf => Overlap(leaf, _buckets[bucket]));
    }

    /// <summary>
    /// Moves the gradients of leaves that no further backward pass of this round reaches. A leaf without one counts as zero, or as
    /// nothing added when accumulating.
    /// </summary>
    /// <param name="leaves">Their numbers.</param>
    /// <exception cref="InvalidOperationException">It was not begun, or a leaf is named the second time.</exception>
    public void Collect(IReadOnlyList<int> leaves)
    {
        if (!_begun)
            throw new InvalidOperationException("Gradients were collected before Begin.");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var i in leaves)
        {
            if (_isDone[i])
                throw new InvalidOperationException($"Leaf {i} was collected twice.");
            Move(i);
            _isDone[i] = true;
            for (var bucket = 0; bucket < _buckets.Length; bucket++)
                _missing[bucket] -= Overlap(_leaves[i], _buckets[bucket]) ? 1 : 0;
        }

        while (_reduces && _started.Count < _buckets.Length && _missing[_started.Count] == 0)
        {
            var bucket = _buckets[_started.Count];
            _started.Add(_group!.AllReduce(_flat.narrow(0, bucket.Offset, bucket.Length)));
        }
    }

    /// <summary>Collects what is left and waits for all buckets: the flat buffer then has the sums over the ranks.</summary>
    /// <param name="abort">Ends the wait early, as <see cref="Work.Wait(CancellationToken)"/>'s.</param>
    /// <exception cref="DistributedException">
    /// A collective failed or took too long, or the wait was aborted. Collectives may write to the flat buffer until the
    /// group's time-out has passed: abandon the group, and make new ones over another buffer.
    /// </exception>
    /// <exception cref="InvalidOperationException">It was not begun.</exception>
    public void Finish(CancellationToken abort = default)
    {
        Collect([.. Enumerable.Range(0, _leaves.Length).Where(leaf => !_isDone[leaf])]);
        _begun = false;
        foreach (var work in _started)
            work.Wait(abort);
    }

    public void Dispose() => Array.ForEach(_places, place => place.Dispose());

    private static bool Overlap(FlatLeaf leaf, GradientBucket bucket) => leaf.Offset < bucket.End && bucket.Offset < leaf.End;

    private Tensor Place(FlatLeaf leaf) => _flat.narrow(0, leaf.Offset, leaf.Leaf.numel()).view(leaf.Leaf.shape);

    private void Move(int leaf)
    {
        var gradient = _leaves[leaf].Leaf.grad;
        if (gradient is null && !_accumulates)
            _places[leaf].zero_();
        else if (gradient is not null && _accumulates)
            _places[leaf].add_(gradient);
        else if (gradient is not null)
            _places[leaf].copy_(gradient);
        _leaves[leaf].Leaf.grad = null;
    }

    private static void CheckCover(IReadOnlyList<GradientBucket> buckets, long elements)
    {
        long covered = 0;
        foreach (var bucket in buckets.OrderBy(bucket => bucket.Offset))
        {
            if (bucket.Offset != covered || bucket.Length < 1)
                throw new ArgumentException($"Buckets must follow one another; {bucket} does not begin at {covered}.", nameof(buckets));
            covered += bucket.Length;
        }

        if (covered != elements)
            throw new ArgumentException($"The buckets end at {covered} of {elements} elements.", nameof(buckets));
    }
}
