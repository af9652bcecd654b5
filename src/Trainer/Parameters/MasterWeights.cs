using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Parameters;

/// <summary>Master weights in the flat layout: bf16 at its beginning, fp32 in the rest.</summary>
public sealed class MasterWeights : IDisposable
{
    /// <summary>Zero-initialised weights.</summary>
    /// <param name="narrow">Number of elements kept in bf16.</param>
    /// <param name="elements">Total number of elements.</param>
    /// <param name="device">Device of the buffers.</param>
    public MasterWeights(long narrow, long elements, torch.Device? device = null)
    {
        using var scope = NewDisposeScope();
        Narrow = zeros([narrow], bfloat16, device).DetachFromDisposeScope();
        Wide = zeros([elements - narrow], float32, device).DetachFromDisposeScope();
    }

    /// <summary>bf16, 1-D.</summary>
    public torch.Tensor Narrow { get; }

    /// <summary>fp32, 1-D; its first element follows the last of <see cref="Narrow"/> in the layout.</summary>
    public torch.Tensor Wide { get; }

    /// <summary>Both buffers, each with its part of the layout.</summary>
    public IReadOnlyList<(torch.Tensor Weights, FlatSlice Slice)> Parts =>
        [(Narrow, new FlatSlice(0, Narrow.numel())), (Wide, new FlatSlice(Narrow.numel(), Wide.numel()))];

    /// <summary>A view of a part of the layout that lies in one buffer.</summary>
    public torch.Tensor Slice(long offset, long length) =>
        offset < Narrow.numel() ? Narrow.narrow(0, offset, length) : Wide.narrow(0, offset - Narrow.numel(), length);

    /// <summary>A copy of any part of the layout, in fp32.</summary>
    public torch.Tensor CopyOf(FlatSlice slice)
    {
        var copy = empty([slice.Length], float32, Wide.device);
        foreach (var (weights, part, at) in Common(slice))
        {
            at.Of(copy).copy_(part.Of(weights));
        }

        return copy;
    }

    /// <summary>Overwrites the beginning of the layout; rounds to nearest where weights are bf16.</summary>
    public void CopyFrom(torch.Tensor beginning)
    {
        foreach (var (weights, part, at) in Common(new FlatSlice(0, beginning.numel())))
        {
            part.Of(weights).copy_(at.Of(beginning));
        }
    }

    /// <summary>Overwrites all weights with those of the same layout.</summary>
    public void CopyFrom(MasterWeights other)
    {
        Narrow.copy_(other.Narrow);
        Wide.copy_(other.Wide);
    }

    public void Dispose()
    {
        Narrow.Dispose();
        Wide.Dispose();
    }

    /// <summary>The overlap of each buffer with a slice: its part of the buffer and of the slice.</summary>
    private IEnumerable<(torch.Tensor Weights, FlatSlice InPart, FlatSlice InSlice)> Common(FlatSlice slice) =>
        from part in Parts
        let common = part.Slice.Intersect(slice)
        where common.Length > 0
        select (part.Weights, common.From(part.Slice.Offset), common.From(slice.Offset));
}
