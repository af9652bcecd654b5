using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>Pairs of a batch that go through the model at once: a micro-batch, or all. What is asked for is moved to the device.</summary>
/// <param name="Batch">The batch.</param>
/// <param name="Statistics">What BatchNorms are told of these pairs.</param>
/// <param name="Device">Where the model is.</param>
/// <param name="Start">The first.</param>
/// <param name="Count">How many; none on a rank that takes part for the others' BatchNorms alone.</param>
internal sealed record BatchPart(TrainingBatch Batch, BatchStatistics Statistics, torch.Device Device, long Start, long Count)
{
    /// <summary>The micro-batches of a batch, in order; none of an empty one.</summary>
    /// <param name="batch">This rank's pairs.</param>
    /// <param name="options">Their number.</param>
    /// <param name="statistics">What BatchNorms see of the whole batch.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="synchronized">
    /// The ranks over which BatchNorms normalise; null for each rank by itself. They take the same number of micro-batches, whose
    /// last have no pair on a rank with fewer.
    /// </param>
    /// <param name="counts">Pairs on each of those.</param>
    public static BatchPart[] Cut(
        TrainingBatch batch,
        TrainingOptions options,
        BatchStatistics statistics,
        torch.Device device,
        RankGroup? synchronized,
        ReadOnlySpan<long> counts
    )
    {
        long[] all = synchronized is null ? [batch.Count] : [.. counts];
        var size = options.MicroBatch == 0 ? Math.Max(1, all.Max()) : options.MicroBatch;
        return
        [
            .. Starts(all.Max(), size)
                .Select(start => new BatchPart(
                    batch,
                    synchronized is null ? statistics : statistics.Over(synchronized, all.Sum(count => Part(count, start))),
                    device,
                    Math.Min(start, batch.Count),
                    Part(batch.Count, start)
                )),
        ];

        long Part(long count, long start) => Math.Clamp(count - start, 0, size);
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
