namespace ClipTrain.DataPipeline.Ordering;

/// <summary>A stretch of a partition's stream of samples that lies in one row group. Not to be changed: it is shared.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Epoch">The epoch that it belongs to.</param>
/// <param name="Start">The place of its first sample in the partition's stream.</param>
/// <param name="Group">The row group.</param>
/// <param name="Samples">Its samples by place.</param>
internal sealed record Stretch(int Partition, long Epoch, long Start, int Group, long[] Samples)
{
    /// <summary>The place after its last.</summary>
    public long End => Start + Samples.Length;

    /// <summary>Whether it holds a place of a partition's stream.</summary>
    public bool Holds(int partition, long place) => partition == Partition && place >= Start && place < End;
}
