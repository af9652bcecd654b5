using System.Diagnostics;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>
/// This process's rank and the collectives that training needs. With a single rank they are the identity, and there is no process
/// group.
/// </summary>
/// <remarks>A failed collective breaks the group: <see cref="Abandon"/> it.</remarks>
public sealed class RankGroup : IDisposable
{
    private readonly ProcessGroup? _group;
    private readonly CancellationToken _abort;
    private readonly Stopwatch _waiting = new();

    /// <summary>A group of one.</summary>
    public RankGroup() { }

    /// <param name="group">The process group; this object takes ownership.</param>
    /// <param name="rank">Rank of this process.</param>
    /// <param name="worldSize">Number of ranks.</param>
    /// <param name="abort">When cancelled, every collective fails with a <see cref="DistributedException"/>.</param>
    public RankGroup(ProcessGroup group, int rank, int worldSize, CancellationToken abort = default) =>
        (_group, Rank, WorldSize, _abort) = (group, rank, worldSize, abort);

    public int Rank { get; }

    public int WorldSize { get; } = 1;

    /// <summary>
    /// The same ranks over separate connections, for BatchNorm statistics; null if those are not synchronised. Its collectives have
    /// their own order, so they can be awaited during backward, between the buckets that a reducer of this group starts. Closed and
    /// abandoned with this group.
    /// </summary>
    public RankGroup? Statistics { get; init; }

    /// <summary>Time spent waiting for other ranks or the network.</summary>
    public TimeSpan Waited => _waiting.Elapsed + (Statistics?.Waited ?? TimeSpan.Zero);

    /// <summary>True if the backend can reduce-scatter. Otherwise an all-reduce overlapped with backward is faster.</summary>
    public bool ScattersSums => _group?.Device.type == DeviceType.CUDA;

    /// <summary>Sums a tensor over all ranks, in place.</summary>
    public void AllReduceSum(torch.Tensor tensor)
    {
        if (_group is null)
        {
            return;
        }

        Wait(_group.AllReduce(tensor));
    }

    /// <summary>The tensors of all ranks, in rank order; all of the same shape.</summary>
    public torch.Tensor[] AllGather(torch.Tensor tensor)
    {
        if (_group is null)
        {
            return [tensor];
        }

        var gathered = empty([WorldSize, .. tensor.shape], tensor.dtype, tensor.device);
        Wait(_group.AllGather(gathered, tensor));
        return gathered.unbind(0);
    }

    /// <summary>The rows of integers of all ranks, in rank order.</summary>
    public long[][] AllGather(ReadOnlySpan<long> row)
    {
        using var scope = NewDisposeScope();
        var device = _group?.Device ?? CPU;
        return [.. AllGather(tensor(row.ToArray(), device: device)).Select(gathered => gathered.cpu().AsSpan<long>().ToArray())];
    }

    /// <summary>
    /// Starts to concatenate the rows nD of all ranks, which may hold different numbers of them: rows are padded to the largest
    /// count for transfer and trimmed afterwards. The rows must not change before the result has been awaited.
    /// </summary>
    /// <param name="rows_nD">This rank's rows.</param>
    /// <param name="counts">Number of rows on every rank.</param>
    public GatheringRows BeginAllGatherRows(torch.Tensor rows_nD, ReadOnlySpan<long> counts)
    {
        if (_group is null)
        {
            return new GatheringRows(null, [rows_nD], [rows_nD.size(0)]);
        }

        long most = 0;
        foreach (var count in counts)
        {
            most = Math.Max(most, count);
        }

        var mine = rows_nD;
        if (rows_nD.size(0) < most)
        {
            mine = zeros([most, rows_nD.size(1)], rows_nD.dtype, rows_nD.device);
            mine.narrow(0, 0, rows_nD.size(0)).copy_(rows_nD);
        }

        var gathered = empty([WorldSize, most, rows_nD.size(1)], rows_nD.dtype, rows_nD.device);
        return new GatheringRows(_group.AllGather(gathered, mine.contiguous()), gathered.unbind(0), [.. counts], Wait);
    }

    /// <summary>Copies the root's tensor to every rank's.</summary>
    public void Broadcast(torch.Tensor tensor, int root)
    {
        if (_group is null)
        {
            return;
        }

        Wait(_group.Broadcast(tensor, root));
    }

    /// <summary>
    /// Sums a 1-D tensor over all ranks and returns this rank's <see cref="FlatSlice"/> of the sum. The contents of the input are
    /// undefined afterwards.
    /// </summary>
    public torch.Tensor ReduceScatterSum(torch.Tensor flat)
    {
        if (_group is null)
        {
            return flat;
        }
        // Slices are padded to one length for transfer.
        using var scope = NewDisposeScope();
        var length = FlatSlice.LengthFor(flat.numel(), WorldSize);
        var whole = flat;
        if (length * WorldSize > flat.numel())
        {
            whole = zeros([length * WorldSize], flat.dtype, flat.device);
            whole.narrow(0, 0, flat.numel()).copy_(flat);
        }

        var sum = empty([length], flat.dtype, flat.device);
        Wait(_group.ReduceScatter(sum, whole));
        return sum.narrow(0, 0, FlatSlice.Of(flat.numel(), Rank, WorldSize).Length).MoveToOuterDisposeScope();
    }

    /// <summary>A reducer that sums the gradients of the leaves over the ranks into a flat buffer.</summary>
    public GradientReducer NewReducer(IReadOnlyList<FlatLeaf> leaves, torch.Tensor flat, IReadOnlyList<GradientBucket> buckets) =>
        new(leaves, flat, _group, buckets);

    /// <summary>Waits for all collectives that a reducer of this group has started.</summary>
    public void Finish(GradientReducer reducer) => Wait(reducer.Finish);

    /// <summary>Concatenates the slices of all ranks into <paramref name="whole"/>, whose contents are undefined if this fails.</summary>
    public void AllGatherInto(torch.Tensor whole, torch.Tensor slice)
    {
        if (_group is null)
        {
            whole.copy_(slice);
            return;
        }

        // Slices are padded to one length for transfer; shorter ones arrive in a separate buffer.
        using var scope = NewDisposeScope();
        var length = FlatSlice.LengthFor(whole.numel(), WorldSize);
        var mine = slice;
        if (slice.numel() < length)
        {
            mine = zeros([length], slice.dtype, slice.device);
            mine.narrow(0, 0, slice.numel()).copy_(slice);
        }

        var gathered = whole.numel() == length * WorldSize ? whole : empty([length * WorldSize], whole.dtype, whole.device);
        Wait(_group.AllGather(gathered, mine));
        if (!ReferenceEquals(gathered, whole))
        {
            whole.copy_(gathered.narrow(0, 0, whole.numel()));
        }
    }

    /// <summary>Leaves the group without waiting for pending collectives and without notifying the other ranks.</summary>
    public void Abandon()
    {
        Statistics?.Abandon();
        _group?.Abandon();
    }

    public void Dispose()
    {
        Statistics?.Dispose();
        _group?.Dispose();
    }

    private void Wait(Work work) => Wait(work.Wait);

    private void Wait(Action<CancellationToken> wait)
    {
        _waiting.Start();
        try
        {
            wait(_abort);
        }
        finally
        {
            _waiting.Stop();
        }
    }
}

/// <summary>An all-gather of rows in progress. See <see cref="RankGroup.BeginAllGatherRows"/>.</summary>
public sealed class GatheringRows
{
    private readonly Work? _work;
    private readonly torch.Tensor[] _parts;
    private readonly long[] _counts;
    private readonly Action<Work>? _wait;

    /// <param name="work">The collective; null if there is nothing to wait for.</param>
    /// <param name="parts">Buffers for each rank's rows, padded.</param>
    /// <param name="counts">Number of valid rows in each buffer.</param>
    /// <param name="wait">Waits for the collective in the manner of its group.</param>
    internal GatheringRows(Work? work, torch.Tensor[] parts, long[] counts, Action<Work>? wait = null) =>
        (_work, _parts, _counts, _wait) = (work, parts, counts, wait);

    /// <summary>Waits for the collective and returns the rows in rank order, ND.</summary>
    public torch.Tensor Wait()
    {
        if (_work is null)
        {
            return _parts[0];
        }

        _wait!(_work);
        return cat([.. _parts.Zip(_counts, (part, count) => part.narrow(0, 0, count))], 0);
    }
}
