using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Distributed;

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
