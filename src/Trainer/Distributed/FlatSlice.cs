using ClipTrain.Torch.Kernels;
using TorchSharp;
using static TorchSharp.torch;

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

/// <summary>
/// A slice of flat buffers on its way from one rank to all, a chunk at a time. All ranks send the same in the same order.
/// </summary>
/// <param name="group">The ranks.</param>
/// <param name="source">The one that has it.</param>
/// <param name="slice">What of the buffers is sent.</param>
/// <param name="device">Where collectives work.</param>
public sealed class FlatStream(RankGroup group, int source, FlatSlice slice, torch.Device device)
{
    /// <summary>64 MiB of fp32: enough that latency does not count, little beside a model.</summary>
    private const long ChunkElements = 1 << 24;

    /// <summary>Sends one buffer's slice.</summary>
    /// <param name="from">The slice; read on the source alone, from whatever device. On others a buffer of its type.</param>
    /// <param name="into">Receives what it has a place for; null where the slice is not wanted.</param>
    /// <param name="place">The part of the buffer that <paramref name="into"/> is.</param>
    public void Send(torch.Tensor from, torch.Tensor? into, FlatSlice place)
    {
        for (var start = slice.Offset; start < slice.End; start += ChunkElements)
        {
            using var scope = NewDisposeScope();
            var chunk = new FlatSlice(start, Math.Min(ChunkElements, slice.End - start));
            var isSource = group.Rank == source;
            var data = isSource ? from.narrow(0, start - slice.Offset, chunk.Length).to(device) : empty([chunk.Length], from.dtype, device);
            group.Broadcast(data, source);
            var (offset, length) = chunk.Intersect(place);
            if (into is not null && length > 0 && !(isSource && ReferenceEquals(from, into)))
                into.narrow(0, offset - place.Offset, length).copy_(data.narrow(0, offset - start, length));
        }
    }
}
