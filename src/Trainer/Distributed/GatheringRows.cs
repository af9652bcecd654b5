using ClipTrain.Torch.Collectives;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Distributed;

/// <summary>Rows of all ranks on their way. See <see cref="RankGroup.BeginAllGatherRows"/>.</summary>
public sealed class GatheringRows
{
    private readonly Work? _work;
    private readonly torch.Tensor[] _parts;
    private readonly long[] _counts;
    private readonly Action<Work>? _wait;

    /// <param name="work">The collective; null when there is nothing to wait for.</param>
    /// <param name="parts">Receive each rank's rows, padded.</param>
    /// <param name="counts">How many of them are rows.</param>
    /// <param name="wait">Waits for the collective as its group does.</param>
    internal GatheringRows(Work? work, torch.Tensor[] parts, long[] counts, Action<Work>? wait = null) =>
        (_work, _parts, _counts, _wait) = (work, parts, counts, wait);

    /// <summary>Waits for them and returns them by rank, ND.</summary>
    public torch.Tensor Wait()
    {
        if (_work is null)
            return _parts[0];
        _wait!(_work);
        return cat([.. _parts.Zip(_counts, (part, count) => part.narrow(0, 0, count))], 0);
    }
}
