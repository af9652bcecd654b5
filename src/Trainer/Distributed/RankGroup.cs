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
        return [.. AllGather(tensor(row)).Select(gathered => gathered.AsSpan<long>().ToArray())];
    }

    /// <summary>
    /// Concatenates rows nD of all ranks, which may hold different numbers of them: rows are padded to the largest count
    /// on the wire and cut again.
    /// </summary>
    /// <param name="rows_nD">This rank's rows.</param>
    /// <param name="counts">Every rank's number of rows.</param>
    public torch.Tensor AllGatherRows(torch.Tensor rows_nD, ReadOnlySpan<long> counts)
    {
        if (_group is null)
            return rows_nD;
        long most = 0;
        foreach (var count in counts)
            most = Math.Max(most, count);
        var mine = rows_nD;
        if (rows_nD.size(0) < most)
        {
            mine = zeros([most, rows_nD.size(1)], rows_nD.dtype, rows_nD.device);
            mine.narrow(0, 0, rows_nD.size(0)).copy_(rows_nD);
        }

        var gathered = AllGather(mine.contiguous());
        for (var rank = 0; rank < WorldSize; rank++)
            gathered[rank] = gathered[rank].narrow(0, 0, counts[rank]);
        return cat(gathered, 0);
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
}
