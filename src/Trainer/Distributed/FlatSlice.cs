using ClipTrain.Torch.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>A range of elements of a flat buffer.</summary>
public readonly record struct FlatSlice(long Offset, long Length)
{
    /// <summary>Slices start at multiples of this, like parameters: int8 moments have one scale per block.</summary>
    public const long Alignment = MomentBuffer.Alignment;

    public long End => Offset + Length;

    /// <summary>Length of each rank's slice of a buffer. The last slices are shorter or empty if the length is not a multiple.</summary>
    public static long LengthFor(long elements, int worldSize) =>
        (elements + (Alignment * worldSize) - 1) / (Alignment * worldSize) * Alignment;

    /// <summary>A rank's slice of a buffer. The slices of all ranks cover the buffer in rank order.</summary>
    public static FlatSlice Of(long elements, int rank, int worldSize)
    {
        var length = LengthFor(elements, worldSize);
        var offset = Math.Min(rank * length, elements);
        return new FlatSlice(offset, Math.Min(length, elements - offset));
    }

    /// <summary>The range of a buffer with one element per block of this slice.</summary>
    public FlatSlice InBlocks => new(Offset / Alignment, Length / Alignment);

    /// <summary>The same range, relative to an element of the buffer.</summary>
    public FlatSlice From(long offset) => this with { Offset = Offset - offset };

    /// <summary>A view of this range of a buffer.</summary>
    public torch.Tensor Of(torch.Tensor buffer) => buffer.narrow(0, Offset, Length);

    /// <summary>Intersection of two slices; length 0 if they are disjoint.</summary>
    public FlatSlice Intersect(FlatSlice other)
    {
        var offset = Math.Max(Offset, other.Offset);
        return new FlatSlice(offset, Math.Max(0, Math.Min(End, other.End) - offset));
    }
}

/// <summary>
/// Sends a slice of flat buffers from one rank to all, one chunk at a time. All ranks call it with the same slices in the same
/// order.
/// </summary>
/// <param name="group">The ranks.</param>
/// <param name="source">Rank that sends.</param>
/// <param name="slice">The slice of the buffers to send.</param>
/// <param name="device">Device of the collectives.</param>
public sealed class FlatStream(RankGroup group, int source, FlatSlice slice, torch.Device device)
{
    /// <summary>64 MiB of fp32: large enough that latency is negligible, small compared with a model.</summary>
    private const long ChunkElements = 1 << 24;

    /// <summary>Sends one buffer's slice.</summary>
    /// <param name="from">On the source: the slice to send, on any device. On other ranks: a buffer of the same type; not read.</param>
    /// <param name="into">Receives the elements that fall into <paramref name="covered"/>; null if nothing is wanted.</param>
    /// <param name="covered">The part of the buffer that <paramref name="into"/> covers.</param>
    public void Send(torch.Tensor from, torch.Tensor? into, FlatSlice covered)
    {
        for (var start = slice.Offset; start < slice.End; start += ChunkElements)
        {
            using var scope = NewDisposeScope();
            var chunk = new FlatSlice(start, Math.Min(ChunkElements, slice.End - start));
            var isSource = group.Rank == source;
            var data = isSource ? from.narrow(0, start - slice.Offset, chunk.Length).to(device) : empty([chunk.Length], from.dtype, device);
            group.Broadcast(data, source);
            var (offset, length) = chunk.Intersect(covered);
            if (into is not null && length > 0 && !(isSource && ReferenceEquals(from, into)))
            {
                into.narrow(0, offset - covered.Offset, length).copy_(data.narrow(0, offset - start, length));
            }
        }
    }
}
