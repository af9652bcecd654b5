namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// Deals the positions of the stream out to partitions of the corpora. A global batch is cut into lanes; each lane deals its
/// positions out to the corpora by a <see cref="MixtureSchedule"/>; a partition is what a few neighbouring lanes deal to one
/// corpus. So a worker, which takes a contiguous part of every batch, needs the partitions of its lanes alone, and the stream
/// is the same for any number of workers. A pure function of the position, at once computed.
/// </summary>
public sealed class PartitionSchedule
{
    private readonly Lanes _lanes;
    private readonly MixtureSchedule _mixture;
    private readonly long[] _phases;
    private readonly Partition[] _partitions;
    private readonly int[] _firstPartitions;

    // By corpus and lane: it is asked for every sample.
    private readonly int[,] _partitionOf;

    /// <param name="weights">The corpora's shares of the stream.</param>
    /// <param name="partitions">Into how many partitions each corpus is dealt, at most as many as there are lanes.</param>
    /// <param name="globalBatch">Samples of a global batch.</param>
    /// <param name="lanes">Lanes of a global batch.</param>
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
                    _partitionOf[corpus, lane] = all.Count;
                all.Add(partition);
            }

            _firstPartitions[corpus + 1] = all.Count;
        }

        _partitions = [.. all];
    }

    /// <summary>Samples of a global batch.</summary>
    public int GlobalBatch => _lanes.GlobalBatch;

    /// <summary>Number of corpora.</summary>
    public int Corpora => _mixture.Corpora;

    /// <summary>Lanes of a global batch. Of more workers than this several read the same row groups.</summary>
    public int LaneCount => _lanes.Count;

    /// <summary>A corpus's partitions.</summary>
    public Range PartitionsOf(int corpus) => _firstPartitions[corpus].._firstPartitions[corpus + 1];

    /// <summary>The corpus that a partition is of.</summary>
    public int CorpusOf(int partition) => _partitions[partition].Corpus;

    /// <summary>The partitions with positions in a part of every global batch.</summary>
    public IEnumerable<int> Within(int start, int count)
    {
        if (count == 0)
            return [];
        var (first, last) = (_lanes.Of(start), _lanes.Of(start + count - 1));
        return Enumerable.Range(0, _partitions.Length).Where(p => _partitions[p].FirstLane <= last && _partitions[p].EndLane > first);
    }

    /// <summary>The lanes with positions in a part of every global batch; none when the part is empty.</summary>
    public (int First, int Count) LanesWithin(int start, int count)
    {
        if (count == 0)
            return (0, 0);
        var first = _lanes.Of(start);
        return (first, _lanes.Of(start + count - 1) - first + 1);
    }

    /// <summary>The partition that a position is dealt to, and how many positions that partition has before it.</summary>
    public (int Partition, long Place) At(long position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        var lane = _lanes.Of(position);
        var (corpus, _) = _mixture.At(_phases[lane] + _lanes.CountOf(lane, position));
        var partition = _partitionOf[corpus, lane];
        return (partition, CountOf(partition, position));
    }

    /// <summary>How many of the first <paramref name="positions"/> positions are a partition's.</summary>
    public long CountOf(int partition, long positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        var (corpus, first, end) = _partitions[partition];
        long count = 0;
        for (var lane = first; lane < end; lane++)
            count += _mixture.CountOf(corpus, _phases[lane] + _lanes.CountOf(lane, positions)) - _mixture.CountOf(corpus, _phases[lane]);
        return count;
    }

    /// <summary>How many of the first <paramref name="positions"/> positions are a corpus's.</summary>
    public long CountOfCorpus(int corpus, long positions)
    {
        if (Corpora == 1)
            return positions;
        long count = 0;
        for (var partition = _firstPartitions[corpus]; partition < _firstPartitions[corpus + 1]; partition++)
            count += CountOf(partition, positions);
        return count;
    }

    /// <summary>The position of a partition's n-th, from 0; <see cref="long.MaxValue"/> if it lies too far out.</summary>
    public long PositionOf(int partition, long n) => First(positions => CountOf(partition, positions) > n, n);

    /// <summary>The position of a corpus's n-th, from 0; <see cref="long.MaxValue"/> if it lies too far out.</summary>
    public long PositionOfCorpus(int corpus, long n) => Corpora == 1 ? n : First(positions => CountOfCorpus(corpus, positions) > n, n);

    /// <summary>
    /// The position behind which a condition on the number of positions first holds, which fails for the first <paramref name="fails"/>.
    /// </summary>
    private static long First(Func<long, bool> holds, long fails)
    {
        var width = 1L;
        while (!holds(fails + width))
        {
            fails += width;
            if (fails > long.MaxValue / 4)
                return long.MaxValue;
            width *= 2;
        }

        while (width > 1)
        {
            width /= 2;
            if (!holds(fails + width))
                fails += width;
        }

        return fails;
    }

    /// <summary>
    /// Where in the mixture's schedule a lane begins: without order, so that corpora do not take turns in all lanes at once.
    /// </summary>
    private static long Phase(int lane) => lane == 0 ? 0 : new CounterRandom(0, 0, (ulong)lane).NextInt64(1L << 40);

    private readonly record struct Partition(int Corpus, int FirstLane, int EndLane);
}
