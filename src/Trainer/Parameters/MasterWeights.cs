using ClipTrain.Trainer.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Parameters;

/// <summary>Weights of a layout as they are kept between steps: those at its beginning in bf16, the others in fp32.</summary>
public sealed class MasterWeights : IDisposable
{
    /// <summary>Weights of zero.</summary>
    /// <param name="narrow">How many are kept in bf16.</param>
    /// <param name="elements">How many there are.</param>
    /// <param name="device">Where they lie.</param>
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

    /// <summary>Both, each with the part of the layout that it is.</summary>
    public IReadOnlyList<(torch.Tensor Weights, FlatSlice Place)> Parts =>
        [(Narrow, new FlatSlice(0, Narrow.numel())), (Wide, new FlatSlice(Narrow.numel(), Wide.numel()))];

    /// <summary>A view of a part of the layout that is kept in one type.</summary>
    public torch.Tensor Slice(long offset, long length) =>
        offset < Narrow.numel() ? Narrow.narrow(0, offset, length) : Wide.narrow(0, offset - Narrow.numel(), length);

    /// <summary>A copy of any part of the layout, fp32.</summary>
    public torch.Tensor CopyOf(FlatSlice slice)
    {
        var copy = empty([slice.Length], float32, Wide.device);
        foreach (var (weights, part, at) in Common(slice))
            at.Of(copy).copy_(part.Of(weights));
        return copy;
    }

    /// <summary>Overwrites the beginning of the layout with numbers, rounded to the nearest where bf16 is kept.</summary>
    public void CopyFrom(torch.Tensor beginning)
    {
        foreach (var (weights, part, at) in Common(new FlatSlice(0, beginning.numel())))
            part.Of(weights).copy_(at.Of(beginning));
    }

    /// <summary>Overwrites all with weights of the same layout.</summary>
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

    /// <summary>What each buffer has of a slice: where it lies in the buffer, and where in the slice.</summary>
    private IEnumerable<(torch.Tensor Weights, FlatSlice InPart, FlatSlice InSlice)> Common(FlatSlice slice) =>
        from part in Parts
        let common = part.Place.Intersect(slice)
        where common.Length > 0
        select (part.Weights, common.From(part.Place.Offset), common.From(slice.Offset));
}
