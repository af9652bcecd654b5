using System.Diagnostics;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>
/// This process's place among the ranks and the few collectives that training needs. With one rank they are the
/// identity and no process group exists.
/// </summary>
/// <remarks>A failed collective breaks the group: <see cref="Abandon"/> it.</remarks>
public sealed class RankGroup : IDisposable
{
    private readonly ProcessGroup? _group;
    private readonly CancellationToken _abort;
    private readonly Stopwatch _waiting = new();

    /// <summary>A group of one.</summary>
    public RankGroup() { }

    /// <param name="group">Now this object's.</param>
    /// <param name="rank">This process's place.</param>
    /// <param name="worldSize">How many there are.</param>
    /// <param name="abort">When cancelled, every collective fails with a <see cref="DistributedException"/>.</param>
    public RankGroup(ProcessGroup group, int rank, int worldSize, CancellationToken abort = default) =>
        (_group, Rank, WorldSize, _abort) = (group, rank, worldSize, abort);

    public int Rank { get; }

    public int WorldSize { get; } = 1;

    /// <summary>
    /// The same ranks over connections of their own, for the statistics of BatchNorms; null where those are not synchronised.
    /// Its collectives have an order of their own, so they may be waited for amid a backward pass, between the buckets that a
    /// reducer of this group starts when gradients come. Left and abandoned with this group.
    /// </summary>
    public RankGroup? Statistics { get; init; }

    /// <summary>The time spent in waiting for other ranks, or for the network.</summary>
    public TimeSpan Waited => _waiting.Elapsed + (Statistics?.Waited ?? TimeSpan.Zero);

    /// <summary>
    /// Whether a rank can receive its slice of a sum without all of it; otherwise sums are better overlapped with backward.
    /// </summary>
    public bool ScattersSums => _group?.Device.type == DeviceType.CUDA;

    /// <summary>Sums a tensor over all ranks, in place.</summary>
    public void AllReduceSum(torch.Tensor tensor)
    {
        if (_group is null)
            return;
        Wait(_group.AllReduce(tensor));
    }

    /// <summary>Every rank's tensor of the same shape, by rank.</summary>
    public torch.Tensor[] AllGather(torch.Tensor tensor)
    {
        if (_group is null)
            return [tensor];
        var gathered = empty([WorldSize, .. tensor.shape], tensor.dtype, tensor.device);
        Wait(_group.AllGather(gathered, tensor));
        return gathered.unbind(0);
    }

    /// <summary>Every rank's row of numbers, by rank.</summary>
    public long[][] AllGather(ReadOnlySpan<long> row)
    {
        using var scope = NewDisposeScope();
        var device = _group?.Device ?? CPU;
        return [.. AllGather(tensor(row.ToArray(), device: device)).Select(gathered => gathered.cpu().AsSpan<long>().ToArray())];
    }

    /// <summary>
    /// Begins to concatenate rows nD of all ranks, which may hold different numbers of them: rows are padded to the largest
    /// count on the wire and cut again. The rows must not change until the result is waited for.
    /// </summary>
    /// <param name="rows_nD">This rank's rows.</param>
    /// <param name="counts">Every rank's number of rows.</param>
    public GatheringRows BeginAllGatherRows(torch.Tensor rows_nD, ReadOnlySpan<long> counts)
    {
        if (_group is null)
            return new GatheringRows(null, [rows_nD], [rows_nD.size(0)]);
        long most = 0;
        foreach (var count in counts)
            most = Math.Max(most, count);
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
            return;
        Wait(_group.Broadcast(tensor, root));
    }

    /// <summary>
    /// Sums a 1-D tensor over all ranks and returns this rank's <see cref="FlatSlice"/> of the sum. What the tensor holds then is not
    /// defined.
    /// </summary>
    public torch.Tensor ReduceScatterSum(torch.Tensor flat)
    {
        if (_group is null)
            return flat;
        // On the wire all slices have one length.
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

    /// <summary>A reducer of the leaves' gradients into a flat buffer, summed over the ranks.</summary>
    public GradientReducer NewReducer(IReadOnlyList<FlatLeaf> leaves, torch.Tensor flat, IReadOnlyList<GradientBucket> buckets) =>
        new(leaves, flat, _group, buckets);

    /// <summary>Waits for all that a reducer of this group has begun.</summary>
    public void Finish(GradientReducer reducer) => Wait(reducer.Finish);

    /// <summary>
    /// Puts the ranks' <see cref="FlatSlice"/>s together in <paramref name="whole"/>, which holds anything if that fails.
    /// </summary>
    public void AllGatherInto(torch.Tensor whole, torch.Tensor slice)
    {
        if (_group is null)
        {
            whole.copy_(slice);
            return;
        }

        // On the wire all have one length: where the last are shorter, they arrive beside the buffer.
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
            whole.copy_(gathered.narrow(0, 0, whole.numel()));
    }

    /// <summary>Returns when every rank has called it.</summary>
    public void Barrier()
    {
        if (_group is null)
            return;
        Wait(_group.Barrier());
    }

    /// <summary>Leaves without waiting for what is under way, and without telling the others.</summary>
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

/// <summary>Rows of all ranks on their way. See <see cref="RankGroup.BeginAllGatherRows"/>.</summary>
public sealed class GatheringRows
{
    private readonly Work? _work;
    private readonly torch.Tensor[] _parts;
    private readonly long[] _counts;
    private readonly Action<Work>? _wait;

    /// <param name="work">The collective; null when there is nothing to wait for.</param>
    /// <param name="parts">Receive each rank's rows, padded.</param>
    /// <param name="counts">How many of them are rows.</param>
    /// <param name="wait">Waits for the collective as its group does.</param>
    internal GatheringRows(Work? work, torch.Tensor[] parts, long[] counts, Action<Work>? wait = null) =>
        (_work, _parts, _counts, _wait) = (work, parts, counts, wait);

    /// <summary>Waits for them and returns them by rank, ND.</summary>
    public torch.Tensor Wait()
    {
        if (_work is null)
            return _parts[0];
        _wait!(_work);
        return cat([.. _parts.Zip(_counts, (part, count) => part.narrow(0, 0, count))], 0);
    }
}
