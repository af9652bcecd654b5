using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// The pairs of a batch that go through the model at once: a micro-batch, or all of them. Tensors move to the device on access.
/// </summary>
/// <param name="Batch">The whole batch.</param>
/// <param name="Statistics">Collects the BatchNorm statistics of these pairs.</param>
/// <param name="Device">Device of the model.</param>
/// <param name="Start">Index of the first pair.</param>
/// <param name="Count">Number of pairs; 0 on a rank that only takes part in the other ranks' BatchNorms.</param>
internal sealed record BatchPart(TrainingBatch Batch, BatchStatistics Statistics, torch.Device Device, long Start, long Count)
{
    /// <summary>Cuts a batch into micro-batches, in order; an empty batch gives none.</summary>
    /// <param name="batch">This rank's pairs.</param>
    /// <param name="options">Size of a micro-batch.</param>
    /// <param name="statistics">Collects the BatchNorm statistics of the whole batch.</param>
    /// <param name="device">Device of the model.</param>
    /// <param name="synchronized">
    /// Ranks over which BatchNorms are synchronised; null if each rank normalises by itself. All of them take the same number of
    /// micro-batches, the last of which are empty on a rank with fewer pairs.
    /// </param>
    /// <param name="counts">Number of pairs on each of those ranks.</param>
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
                    synchronized is null ? statistics : statistics.Over(synchronized, all.Sum(count => Part(count, start)) * batch.Views),
                    device,
                    Math.Min(start, batch.Count),
                    Part(batch.Count, start)
                )),
        ];

        long Part(long count, long start) => Math.Clamp(count - start, 0, size);
    }

    public torch.Tensor Images => ImageInput.OnDevice(ImagesOf(Batch.Images_b3SS), Device);

    /// <summary>The rows of this part in a tensor with a row for each image of the batch.</summary>
    public torch.Tensor ImagesOf(torch.Tensor rows_bX) => rows_bX.narrow(0, Start * Batch.Views, Count * Batch.Views);

    public torch.Tensor? KeptPatches => Batch.KeptPatches_bK?.narrow(0, Start, Count).to(Device);

    public torch.Tensor Tokens => Batch.Tokens_bL.narrow(0, Start, Count).to(Device);

    public torch.Tensor Ends => EndsOnHost.to(Device);

    public torch.Tensor EndsOnHost => Batch.Ends_b.narrow(0, Start, Count);

    /// <summary>Captions are computed up to the longest one of their micro-batch.</summary>
    public long LongestEnd
    {
        get
        {
            long longest = 0;
            foreach (var end in Batch.Ends_b.AsSpan<long>().Slice((int)Start, (int)Count))
            {
                longest = Math.Max(longest, end);
            }

            return longest;
        }
    }

    private static IEnumerable<long> Starts(long total, long size)
    {
        for (long start = 0; start < total; start += size)
        {
            yield return start;
        }
    }
}
