using ClipTrain.Torch;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>
/// This process's place among the ranks and the few collectives that training needs. With one rank they are the
/// identity and no process group exists.
/// </summary>
public sealed class RankGroup : IDisposable
{
    private readonly distributed.ProcessGroup? _group;

    /// <summary>A group of one.</summary>
    public RankGroup()
    {
    }

    public RankGroup(distributed.ProcessGroup group, int rank, int worldSize) => (_group, Rank, WorldSize) = (group, rank, worldSize);

    public int Rank { get; }

    public int WorldSize { get; } = 1;

    /// <summary>Sums a tensor over all ranks, in place.</summary>
    public void AllReduceSum(torch.Tensor tensor)
    {
        if (_group is null)
            return;
        using var work = _group.all_reduce(tensor);
        work.wait();
    }

    /// <summary>Every rank's tensor of the same shape, by rank.</summary>
    public torch.Tensor[] AllGather(torch.Tensor tensor)
    {
        if (_group is null)
            return [tensor];
        var gathered = new torch.Tensor[WorldSize];
        for (var rank = 0; rank < WorldSize; rank++)
            gathered[rank] = empty(tensor.shape, tensor.dtype, tensor.device);
        using var work = _group.all_gather(gathered, tensor);
        work.wait();
        return gathered;
    }

    /// <summary>Every rank's row of numbers, by rank.</summary>
    public long[][] AllGather(ReadOnlySpan<long> row)
    {
        using var scope = NewDisposeScope();
        var device = _group?.backend == "nccl" ? torch.device("cuda") : CPU;
        return [.. AllGather(tensor(row, device: device)).Select(gathered => gathered.cpu().AsSpan<long>().ToArray())];
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

        var gathered = new torch.Tensor[WorldSize];
        for (var rank = 0; rank < WorldSize; rank++)
            gathered[rank] = empty([most, rows_nD.size(1)], rows_nD.dtype, rows_nD.device);
        return new GatheringRows(_group.all_gather(gathered, mine.contiguous()), gathered, [.. counts]);
    }

    /// <summary>Copies the root's tensor to every rank's.</summary>
    public void Broadcast(torch.Tensor tensor, int root)
    {
        if (_group is null)
            return;
        using var work = _group.broadcast(tensor, root);
        work.wait();
    }

    /// <summary>Sums a 1-D tensor over all ranks and returns this rank's <see cref="FlatSlice"/> of the sum. What the tensor holds then is not defined.</summary>
    public torch.Tensor ReduceScatterSum(torch.Tensor flat)
    {
        AllReduceSum(flat);
        return Slice(flat, Rank);
    }

    /// <summary>Puts the ranks' <see cref="FlatSlice"/>s together in <paramref name="whole"/>, which holds anything if that fails.</summary>
    public void AllGatherInto(torch.Tensor whole, torch.Tensor slice)
    {
        if (_group is null)
        {
            whole.copy_(slice);
            return;
        }

        // On the wire all have one length: shorter slices arrive beside the buffer.
        var length = FlatSlice.LengthFor(whole.numel(), WorldSize);
        var parts = new torch.Tensor[WorldSize];
        for (var rank = 0; rank < WorldSize; rank++)
            parts[rank] = FlatSlice.Of(whole.numel(), rank, WorldSize).Length == length ? Slice(whole, rank) : empty([length], whole.dtype, whole.device);
        var mine = slice;
        if (slice.numel() < length)
        {
            mine = zeros([length], slice.dtype, slice.device);
            mine.narrow(0, 0, slice.numel()).copy_(slice);
        }

        using var work = _group.all_gather(parts, mine);
        work.wait();
        for (var rank = 0; rank < WorldSize; rank++)
        {
            var place = Slice(whole, rank);
            if (place.numel() < length)
                place.copy_(parts[rank].narrow(0, 0, place.numel()));
        }
    }

    /// <summary>Returns when every rank has called it.</summary>
    public void Barrier()
    {
        if (_group is null)
            return;
        using var work = _group.barrier();
        work.wait();
    }

    public void Dispose() => _group?.Dispose();

    private torch.Tensor Slice(torch.Tensor flat, int rank)
    {
        var (offset, length) = FlatSlice.Of(flat.numel(), rank, WorldSize);
        return flat.narrow(0, offset, length);
    }
}
