using ClipTrain.Torch;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Training;

/// <summary>Pairs of a batch that go through the model at once: a micro-batch, or all. What is asked for is moved to the device.</summary>
internal sealed record BatchPart(TrainingBatch Batch, torch.Device Device, long Start, long Count)
{
    /// <summary>The micro-batches of a batch, in order; none of an empty one.</summary>
    public static BatchPart[] Cut(TrainingBatch batch, TrainingOptions options, torch.Device device)
    {
        var size = options.MicroBatch == 0 ? Math.Max(1, batch.Count) : options.MicroBatch;
        return [.. Starts(batch.Count, size).Select(start => new BatchPart(batch, device, start, Math.Min(size, batch.Count - start)))];
    }

    public torch.Tensor Images => ImageInput.OnDevice(Batch.Images_b3SS.narrow(0, Start, Count), Device);

    public torch.Tensor? KeptPatches => Batch.KeptPatches_bK?.narrow(0, Start, Count).to(Device);

    public torch.Tensor Tokens => Batch.Tokens_bL.narrow(0, Start, Count).to(Device);

    public torch.Tensor Ends => EndsOnHost.to(Device);

    public torch.Tensor EndsOnHost => Batch.Ends_b.narrow(0, Start, Count);

    /// <summary>Captions are computed to the longest of their micro-batch.</summary>
    public long LongestEnd
    {
        get
        {
            long longest = 0;
            foreach (var end in Batch.Ends_b.AsSpan<long>().Slice((int)Start, (int)Count))
                longest = Math.Max(longest, end);
            return longest;
        }
    }

    private static IEnumerable<long> Starts(long total, long size)
    {
        for (long start = 0; start < total; start += size)
            yield return start;
    }
}
