namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// Assigns the positions of the stream to partitions of the corpora. A global batch is cut into lanes; each lane assigns its positions to
/// corpora by a <see cref="MixtureSchedule"/>; a partition receives the positions of one corpus in a few neighbouring lanes. A worker
/// takes a contiguous part of every batch and so needs only the partitions of its lanes, and the stream is the same for any number of
/// workers. A pure function of the position.
/// </summary>
public sealed class PartitionSchedule
{
    private readonly Lanes _lanes;
    private readonly MixtureSchedule _mixture;
    private readonly long[] _phases;
    private readonly Partition[] _partitions;
    private readonly int[] _firstPartitions;

    // Partition by corpus and lane, precomputed because it is looked up for every sample.
    private readonly int[,] _partitionOf;

    /// <param name="weights">The corpora's shares of the stream.</param>
    /// <param name="partitions">Number of partitions of each corpus, at most the number of lanes.</param>
    /// <param name="globalBatch">Samples in a global batch.</param>
    /// <param name="lanes">Lanes in a global batch.</param>
    public PartitionSchedule(ReadOnlySpan<double> weights, ReadOnlySpan<int> partitions, int globalBatch, int lanes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lanes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lanes, globalBatch);
        (_lanes, _mixture) = (new Lanes(globalBatch, lanes), new MixtureSchedule(weights));
        _phases = [.. Enumerable.Range(0, lanes).Select(Phase)];
        _firstPartitions = new int[weights.Length + 1];
        _partitionOf = new int[weights.Length, lanes];
        var all = new List<Partition>();
        for (var corpus = 0; corpus < weights.Length; corpus++)
        {
            for (var i = 0; i < partitions[corpus]; i++)
            {
                var partition = new Partition(corpus, Lanes.Cut(lanes, i, partitions[corpus]), Lanes.Cut(lanes, i + 1, partitions[corpus]));
                for (var lane = partition.FirstLane; lane < partition.EndLane; lane++)
                {
                    _partitionOf[corpus, lane] = all.Count;
                }

                all.Add(partition);
            }

            _firstPartitions[corpus + 1] = all.Count;
        }

        _partitions = [.. all];
    }

    /// <summary>Samples in a global batch.</summary>
    public int GlobalBatch => _lanes.GlobalBatch;

    /// <summary>Number of corpora.</summary>
    public int Corpora => _mixture.Corpora;

    /// <summary>Lanes in a global batch. With more workers than lanes, several workers read the same row groups.</summary>
    public int LaneCount => _lanes.Count;

    /// <summary>A corpus's partitions.</summary>
    public Range PartitionsOf(int corpus) => _firstPartitions[corpus].._firstPartitions[corpus + 1];

    /// <summary>The corpus of a partition.</summary>
    public int CorpusOf(int partition) => _partitions[partition].Corpus;

    /// <summary>The partitions with positions in a part of every global batch.</summary>
    public IEnumerable<int> Within(int start, int count)
    {
        if (count == 0)
        {
            return [];
        }

        var (first, last) = (_lanes.LaneOf(start), _lanes.LaneOf(start + count - 1));
        return Enumerable.Range(0, _partitions.Length).Where(p => _partitions[p].FirstLane <= last && _partitions[p].EndLane > first);
    }

    /// <summary>The lanes with positions in a part of every global batch; none when the part is empty.</summary>
    public (int First, int Count) LanesWithin(int start, int count)
    {
        if (count == 0)
        {
            return (0, 0);
        }

        var first = _lanes.LaneOf(start);
        return (first, _lanes.LaneOf(start + count - 1) - first + 1);
    }

    /// <summary>The partition assigned to a position, and the number of earlier positions of that partition.</summary>
    public (int Partition, long Offset) At(long position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        var lane = _lanes.LaneOf(position);
        var (corpus, _) = _mixture.At(_phases[lane] + _lanes.CountOf(lane, position));
        var partition = _partitionOf[corpus, lane];
        return (partition, CountOf(partition, position));
    }

    /// <summary>The number of a partition's positions among the first <paramref name="positions"/>.</summary>
    public long CountOf(int partition, long positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        var (corpus, first, end) = _partitions[partition];
        long count = 0;
        for (var lane = first; lane < end; lane++)
        {
            count += _mixture.CountOf(corpus, _phases[lane] + _lanes.CountOf(lane, positions)) - _mixture.CountOf(corpus, _phases[lane]);
        }

        return count;
    }

    /// <summary>The number of a corpus's positions among the first <paramref name="positions"/>.</summary>
    public long CountOfCorpus(int corpus, long positions)
    {
        if (Corpora == 1)
        {
            return positions;
        }

        long count = 0;
        for (var partition = _firstPartitions[corpus]; partition < _firstPartitions[corpus + 1]; partition++)
        {
            count += CountOf(partition, positions);
        }

        return count;
    }

    /// <summary>The stream position of a partition's n-th sample, from 0; <see cref="long.MaxValue"/> if out of range.</summary>
    public long PositionOf(int partition, long n) => First(positions => CountOf(partition, positions) > n, n);

    /// <summary>The stream position of a corpus's n-th sample, from 0; <see cref="long.MaxValue"/> if out of range.</summary>
    public long PositionOfCorpus(int corpus, long n) => Corpora == 1 ? n : First(positions => CountOfCorpus(corpus, positions) > n, n);

    /// <summary>
    /// The smallest n such that the monotone condition holds for n + 1 positions. The condition must fail for <paramref name="fails"/>.
    /// </summary>
    private static long First(Func<long, bool> holds, long fails)
    {
        var width = 1L;
        while (!holds(fails + width))
        {
            fails += width;
            if (fails > long.MaxValue / 4)
            {
                return long.MaxValue;
            }

            width *= 2;
        }

        while (width > 1)
        {
            width /= 2;
            if (!holds(fails + width))
            {
                fails += width;
            }
        }

        return fails;
    }

    /// <summary>
    /// A lane's offset into the mixture's schedule: random, so that the lanes do not all switch corpus at the same positions.
    /// </summary>
    private static long Phase(int lane) => lane == 0 ? 0 : new CounterRandom(0, 0, (ulong)lane).NextInt64(1L << 40);

    private readonly record struct Partition(int Corpus, int FirstLane, int EndLane);
}

/// <summary>
/// Global batches cut into lanes: contiguous parts as equal as possible, the same in every batch. Positions are also numbered within
/// their lane. If the number of workers divides the number of lanes, each worker takes whole lanes.
/// </summary>
/// <param name="GlobalBatch">B, samples in a batch.</param>
/// <param name="Count">Number of lanes, at most B.</param>
internal readonly record struct Lanes(int GlobalBatch, int Count)
{
    /// <summary>Start of a part of a batch cut into equal parts: ⌊part · B / parts⌋.</summary>
    public static int Cut(int globalBatch, int part, int parts) => (int)((long)part * globalBatch / parts);

    /// <summary>The lane of a stream position.</summary>
    public int LaneOf(long position) => (int)(((((position % GlobalBatch) + 1) * Count) - 1) / GlobalBatch);

    /// <summary>The number of a lane's positions among the first <paramref name="positions"/>.</summary>
    public long CountOf(int lane, long positions)
    {
        var (first, width) = PositionsOf(lane);
        var (batches, rest) = Math.DivRem(positions, GlobalBatch);
        return (batches * width) + Math.Clamp(rest - first, 0, width);
    }

    /// <summary>A lane's positions in each batch.</summary>
    private (int First, int Width) PositionsOf(int lane)
    {
        var first = Cut(GlobalBatch, lane, Count);
        return (first, Cut(GlobalBatch, lane + 1, Count) - first);
    }
}
