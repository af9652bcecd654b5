using ClipTrain.Torch.Kernels;
using TorchSharp;

namespace ClipTrain.Trainer.Distributed;

/// <summary>A stretch of a flat buffer.</summary>
public readonly record struct FlatSlice(long Offset, long Length)
{
    /// <summary>Slices begin at multiples of this, as parameters do: moments in bytes have a scale for each block.</summary>
    public const long Alignment = MomentBuffer.Alignment;

    public long End => Offset + Length;

    /// <summary>Length of every rank's slice of a buffer but the last ones', which are shorter or empty where it does not divide.</summary>
    public static long LengthFor(long elements, int worldSize) =>
        (elements + (Alignment * worldSize) - 1) / (Alignment * worldSize) * Alignment;

    /// <summary>A rank's slice of a buffer. The ranks' slices are the buffer, in order.</summary>
    public static FlatSlice Of(long elements, int rank, int worldSize)
    {
        var length = LengthFor(elements, worldSize);
        var offset = Math.Min(rank * length, elements);
        return new FlatSlice(offset, Math.Min(length, elements - offset));
    }

    /// <summary>The stretch of a buffer that has one element for each block of this one.</summary>
    public FlatSlice InBlocks => new(Offset / Alignment, Length / Alignment);

    /// <summary>The same stretch, counted from an element of the buffer.</summary>
    public FlatSlice From(long offset) => this with { Offset = Offset - offset };

    /// <summary>A view of the stretch of a buffer.</summary>
    public torch.Tensor Of(torch.Tensor buffer) => buffer.narrow(0, Offset, Length);

    /// <summary>What both have in common; of length 0 when that is nothing.</summary>
    public FlatSlice Intersect(FlatSlice other)
    {
        var offset = Math.Max(Offset, other.Offset);
        return new FlatSlice(offset, Math.Max(0, Math.Min(End, other.End) - offset));
    }
}
