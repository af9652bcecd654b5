namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// Global batches cut into lanes: the same contiguous parts of each, as equal as can be. Positions of the stream are numbered
/// within their lane too. Workers whose number divides that of the lanes take whole lanes.
/// </summary>
/// <param name="GlobalBatch">B, samples of a batch.</param>
/// <param name="Count">Number of lanes, at most B.</param>
internal readonly record struct Lanes(int GlobalBatch, int Count)
{
    /// <summary>Where a part begins of so many that a batch is cut into: ⌊part · B / parts⌋.</summary>
    public static int Cut(int globalBatch, int part, int parts) => (int)((long)part * globalBatch / parts);

    /// <summary>The lane of a position.</summary>
    public int Of(long position) => (int)(((((position % GlobalBatch) + 1) * Count) - 1) / GlobalBatch);

    /// <summary>How many of the first <paramref name="positions"/> positions are a lane's.</summary>
    public long CountOf(int lane, long positions)
    {
        var (first, width) = Of(lane);
        var (batches, rest) = Math.DivRem(positions, GlobalBatch);
        return (batches * width) + Math.Clamp(rest - first, 0, width);
    }

    private (int First, int Width) Of(int lane)
    {
        var first = Cut(GlobalBatch, lane, Count);
        return (first, Cut(GlobalBatch, lane + 1, Count) - first);
    }
}
