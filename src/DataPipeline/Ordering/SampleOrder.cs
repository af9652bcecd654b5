namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// The endless stream of training samples: a pure function of the row groups of one or several corpora, their weights, the seed, the
/// window and the batch size. A schedule assigns its positions to partitions of the corpora; in every epoch of a corpus its partitions
/// together hold each sample exactly once. Global batch s is positions [s·B, (s+1)·B); a batch may straddle epochs. Samples are numbered
/// through all corpora. Random access. Thread-safe.
/// </summary>
/// <remarks>
/// Partitions correspond to MosaicML Streaming's canonical nodes: their number is a property of the order, not of the workers that read
/// it. A batch draws from as many row groups as there are partitions, and a worker reads only the row groups of its own part of the
/// batches.
/// </remarks>
public sealed class SampleOrder
{
    private readonly CorpusOrder[] _corpora;
    private readonly long[] _firstSamples;
    private readonly int[] _firstRowGroups;

    /// <summary>The order of one corpus.</summary>
    /// <param name="rowGroupRows">Rows of each row group of the corpus, in order.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="window">Row groups that a batch is mixed from.</param>
    /// <param name="globalBatch">Samples in a global batch.</param>
    public SampleOrder(IReadOnlyList<int> rowGroupRows, ulong seed, int window, int globalBatch)
        : this([new CorpusShare(rowGroupRows, 1)], seed, window, globalBatch) { }

    /// <summary>The order of a mixture.</summary>
    /// <param name="corpora">The corpora, in the order in which their samples are numbered.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="window">Row groups that a batch is mixed from, divided among the corpora by their shares, at least one each. A
    /// corpus with a tenth of the stream supplies a tenth of each batch from a tenth of the row groups, so neighbours meet as rarely as
    /// with a single corpus and memory stays that of one.</param>
    /// <param name="globalBatch">Samples in a global batch.</param>
    public SampleOrder(IReadOnlyList<CorpusShare> corpora, ulong seed, int window, int globalBatch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(window);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(globalBatch);
        if (corpora.Any(corpus => corpus.RowGroupRows.All(rows => rows == 0)))
        {
            throw new ArgumentException("a corpus has no samples", nameof(corpora));
        }

        var lanes = Math.Min(window, globalBatch);
        var total = corpora.Sum(c => c.Weight);
        Schedule = new PartitionSchedule([.. corpora.Select(c => c.Weight)], [.. corpora.Select(Partitions)], globalBatch, lanes);
        _corpora = new CorpusOrder[corpora.Count];
        _firstSamples = new long[corpora.Count];
        _firstRowGroups = new int[corpora.Count];
        var rowGroups = 0;
        for (var corpus = 0; corpus < corpora.Count; corpus++)
        {
            var rows = corpora[corpus].RowGroupRows;
            (_firstSamples[corpus], _firstRowGroups[corpus]) = (SampleCount, rowGroups);
            // Corpora with equal row groups must not be shuffled the same way.
            _corpora[corpus] = new CorpusOrder(rows, seed ^ ((ulong)corpus << 32), Schedule, corpus);
            SampleCount += _corpora[corpus].SampleCount;
            rowGroups += rows.Count;
        }

        // More partitions than row groups would read each row group several times.
        int Partitions(CorpusShare corpus) =>
            Math.Clamp((int)Math.Round(window * corpus.Weight / total), 1, Math.Min(lanes, corpus.RowGroupRows.Count(rows => rows > 0)));
    }

    /// <summary>Assignment of stream positions to partitions of the corpora.</summary>
    public PartitionSchedule Schedule { get; }

    /// <summary>Samples in all corpora.</summary>
    public long SampleCount { get; }

    /// <summary>The contiguous part of a global batch that one worker takes.</summary>
    public static (int Start, int Count) LocalSlice(int globalBatch, int rank, int worldSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(globalBatch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(worldSize);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        // Cut like lanes, so that a worker's part is whole lanes where possible.
        var start = Lanes.Cut(globalBatch, rank, worldSize);
        return (start, Lanes.Cut(globalBatch, rank + 1, worldSize) - start);
    }

    /// <summary>The samples of a global batch, in order.</summary>
    /// <param name="step">The global step, from 0.</param>
    public SampleRef[] GlobalBatch(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var batch = new SampleRef[Schedule.GlobalBatch];
        var start = checked(step * batch.Length);
        for (var i = 0; i < batch.Length; i++)
        {
            var (partition, offset) = Schedule.At(start + i);
            var corpus = Schedule.CorpusOf(partition);
            var stretch = _corpora[corpus].At(partition, offset);
            batch[i] = new SampleRef(stretch.Epoch, _firstSamples[corpus] + stretch.Samples[offset - stretch.Start]);
        }

        return batch;
    }

    /// <summary>The number of a corpus's first sample, and its sample count.</summary>
    public (long First, long Count) SamplesOf(int corpus) => (_firstSamples[corpus], _corpora[corpus].SampleCount);

    /// <summary>The corpus of a sample.</summary>
    public int CorpusOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SampleCount);
        var corpus = Array.BinarySearch(_firstSamples, index);
        return corpus >= 0 ? corpus : ~corpus - 1;
    }

    /// <summary>The row group that contains a sample, numbered through all corpora.</summary>
    public int RowGroupOf(long index)
    {
        var corpus = CorpusOf(index);
        return _firstRowGroups[corpus] + _corpora[corpus].RowGroupOf(index - _firstSamples[corpus]);
    }

    /// <summary>
    /// The row groups, numbered through all corpora, that a worker reads in an epoch of a corpus for its part of every global batch.
    /// </summary>
    /// <param name="start">Start of the part, in samples.</param>
    /// <param name="count">Samples in the part.</param>
    /// <param name="corpus">Index of the corpus.</param>
    /// <param name="epoch">Epoch of that corpus, from 0.</param>
    public IReadOnlyCollection<int> RowGroupsOf(int start, int count, int corpus, long epoch)
    {
        var rowGroups = new HashSet<int>();
        foreach (var partition in Schedule.Within(start, count).Where(partition => Schedule.CorpusOf(partition) == corpus))
        {
            foreach (var rowGroup in _corpora[corpus].RowGroupsOf(partition, epoch))
            {
                rowGroups.Add(_firstRowGroups[corpus] + rowGroup);
            }
        }

        return rowGroups;
    }

    /// <summary>The epoch of a corpus at the beginning of a global batch.</summary>
    /// <param name="step">The global step, from 0.</param>
    public long EpochOf(int corpus, long step) =>
        Schedule.CountOfCorpus(corpus, checked(step * Schedule.GlobalBatch)) / _corpora[corpus].SampleCount;

    /// <summary>
    /// The stretch that contains an offset of a partition's stream, with row group and samples numbered through all corpora.
    /// </summary>
    internal Stretch At(int partition, long offset)
    {
        var corpus = Schedule.CorpusOf(partition);
        var stretch = _corpora[corpus].At(partition, offset);
        return corpus == 0
            ? stretch
            : stretch with
            {
                RowGroup = _firstRowGroups[corpus] + stretch.RowGroup,
                Samples = Array.ConvertAll(stretch.Samples, sample => _firstSamples[corpus] + sample),
            };
    }
}

/// <summary>A sample in one pass over its corpus.</summary>
/// <param name="Epoch">The pass, from 0.</param>
/// <param name="Index">The sample's number in the corpus.</param>
public readonly record struct SampleRef(long Epoch, long Index);
