using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// Patch dropout in training (FLIP, Li et al. 2022, arXiv 2212.00794). The kept patches are a pure function of seed, epoch and
/// sample, like crops, so any worker draws the same ones at any time.
/// </summary>
public static class PatchDropout
{
    /// <summary>Number of patches kept per image: the rounded share, at least one.</summary>
    public static int Kept(ImageTowerOptions options)
    {
        var patches = PatchGrid.Of(options).Count;
        return Math.Clamp((int)Math.Round(patches * (1 - options.PatchDropout)), 1, patches);
    }

    /// <summary>Indices of the kept patches bK, int64, ascending in each row; null if all patches are kept.</summary>
    public static torch.Tensor? Draw(ImageTowerOptions options, ulong seed, IReadOnlyList<SampleRef> samples)
    {
        if (options.PatchDropout == 0)
        {
            return null;
        }

        var (patches, kept) = (PatchGrid.Of(options).Count, Kept(options));
        if (kept == patches)
        {
            return null;
        }

        var kept_bK = empty([samples.Count, kept], int64);
        var numbers = kept_bK.AsSpan<long>();
        var order = new long[patches];
        for (var i = 0; i < samples.Count; i++)
        {
            Draw(
                RandomStreams.Of(RandomPurpose.PatchDropout, seed, samples[i].Epoch, samples[i].Index),
                order,
                numbers.Slice(i * kept, kept)
            );
        }

        return kept_bK;
    }

    /// <summary>The first K draws of a Fisher–Yates shuffle: every subset of that size is equally likely.</summary>
    private static void Draw(CounterRandom random, Span<long> order, Span<long> kept)
    {
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        for (var i = 0; i < kept.Length; i++)
        {
            var j = i + (int)random.NextInt64(order.Length - i);
            (order[i], order[j]) = (order[j], order[i]);
        }

        order[..kept.Length].CopyTo(kept);
        kept.Sort();
    }
}
