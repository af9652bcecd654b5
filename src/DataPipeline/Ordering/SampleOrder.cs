namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// The endless stream of samples that training reads: a pure function of the row groups of one or several corpora, their
/// weights, the seed and the window. A schedule deals its positions out to the corpora; each corpus has an endless order of
/// its own, in which every epoch holds each of its samples exactly once. Global batch s is positions [s·B, (s+1)·B); a batch
/// may straddle epochs. Any position is reached at once. Samples are numbered through all corpora. Thread-safe.
/// </summary>
public sealed class SampleOrder
{
    private readonly CorpusOrder[] _corpora;
    private readonly long[] _firstSamples;
    private readonly int[] _firstGroups;

    /// <summary>The order of one corpus.</summary>
    /// <param name="rowGroupRows">Rows of each row group of the corpus, in order.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="windowGroups">Row groups that are shuffled together.</param>
    public SampleOrder(IReadOnlyList<int> rowGroupRows, ulong seed, int windowGroups)
        : this([new CorpusShare(rowGroupRows, 1)], seed, windowGroups)
    {
    }

    /// <summary>The order of a mixture.</summary>
    /// <param name="corpora">The corpora, in the order in which their samples are numbered.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="windowGroups">
    /// Row groups that are shuffled together. Each corpus has its share of them, at least one: of a corpus with a tenth of the
    /// stream a batch holds a tenth, so that neighbours meet as rarely as with one corpus, and memory is that of one.
    /// </param>
    public SampleOrder(IReadOnlyList<CorpusShare> corpora, ulong seed, int windowGroups)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(windowGroups);
        Schedule = new MixtureSchedule([.. corpora.Select(c => c.Weight)]);
        _corpora = new CorpusOrder[corpora.Count];
        _firstSamples = new long[corpora.Count];
        _firstGroups = new int[corpora.Count];
        var total = corpora.Sum(c => c.Weight);
        var groups = 0;
        for (var corpus = 0; corpus < corpora.Count; corpus++)
        {
            var (rows, weight) = corpora[corpus];
            (_firstSamples[corpus], _firstGroups[corpus]) = (SampleCount, groups);
            // Corpora of one shape must not be shuffled alike.
            _corpora[corpus] = new CorpusOrder(rows, seed ^ ((ulong)corpus << 32), Math.Max(1, (int)Math.Round(windowGroups * weight / total)));
            SampleCount += _corpora[corpus].SampleCount;
            groups += rows.Count;
        }
    }

    /// <summary>Which corpus each position of the stream is dealt to.</summary>
    public MixtureSchedule Schedule { get; }

    /// <summary>Samples of all corpora.</summary>
    public long SampleCount { get; }

    /// <summary>The contiguous part of a global batch that one worker takes; the first ranks take one more where it does not divide.</summary>
    public static (int Start, int Count) LocalSlice(int globalBatch, int rank, int worldSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(globalBatch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(worldSize);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        var (share, remainder) = Math.DivRem(globalBatch, worldSize);
        return ((rank * share) + Math.Min(rank, remainder), share + (rank < remainder ? 1 : 0));
    }

    /// <summary>The samples of a global batch, in order.</summary>
    /// <param name="step">The global step, from 0.</param>
    /// <param name="batch">Receives the samples; its length is the global batch size.</param>
    public void GlobalBatch(long step, Span<SampleRef> batch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var start = checked(step * batch.Length);
        for (var i = 0; i < batch.Length; i++)
        {
            var (corpus, position) = Schedule.At(start + i);
            var window = _corpora[corpus].Window(position);
            batch[i] = new SampleRef(window.Epoch, _firstSamples[corpus] + window.Samples[position - window.Start]);
        }
    }

    /// <summary>The number of a corpus's first sample, and how many it has.</summary>
    public (long First, long Count) SamplesOf(int corpus) => (_firstSamples[corpus], _corpora[corpus].SampleCount);

    /// <summary>The corpus that a sample is of.</summary>
    public int CorpusOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SampleCount);
        var corpus = Array.BinarySearch(_firstSamples, index);
        return corpus >= 0 ? corpus : ~corpus - 1;
    }

    /// <summary>The row group that a sample lies in, numbered through all corpora.</summary>
    public int RowGroupOf(long index)
    {
        var corpus = CorpusOf(index);
        return _firstGroups[corpus] + _corpora[corpus].RowGroupOf(index - _firstSamples[corpus]);
    }

    /// <summary>The window that a position of a corpus's own stream lies in, with groups and samples numbered through all corpora.</summary>
    internal StreamWindow Window(int corpus, long position)
    {
        var window = _corpora[corpus].Window(position);
        return corpus == 0 ? window : window with
        {
            Corpus = corpus,
            Groups = Array.ConvertAll(window.Groups, group => _firstGroups[corpus] + group),
            Samples = Array.ConvertAll(window.Samples, sample => _firstSamples[corpus] + sample),
        };
    }
}
