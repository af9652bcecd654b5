using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>A window of a corpus with the encoded samples that this worker needs of it. Guarded by the loader's gate.</summary>
internal sealed class LoadedWindow(StreamWindow window, CorpusManifest manifest) : IDisposable
{
    private readonly Dictionary<int, bool[]> _wanted = [];
    private readonly Dictionary<int, RowGroup> _loaded = [];
    private int _remaining;

    /// <summary>Whether samples of it are still to be used.</summary>
    public bool IsNeeded => _remaining > 0;

    /// <summary>The row groups to read, in the order that they are shuffled in, with the rows that this worker needs.</summary>
    public IEnumerable<(int Group, bool[] Rows)> Wanted => window.Groups.Where(_wanted.ContainsKey).Select(group => (group, _wanted[group]));

    /// <summary>Whether it holds a position of a corpus's stream.</summary>
    public bool Holds(int corpus, long position) => corpus == window.Corpus && position >= window.Start && position < window.End;

    /// <summary>Plans to read the sample at a position of its corpus's stream.</summary>
    public void Want(long position)
    {
        var (group, row) = manifest.Place(Sample(position).Index);
        if (!_wanted.TryGetValue(group, out var rows))
            _wanted[group] = rows = new bool[manifest.Groups[group].Rows];
        rows[row] = true;
        _remaining++;
    }

    public void Add(int group, RowGroup rows) => _loaded[group] = rows;

    /// <summary>The sample at a position of its corpus's stream, or null while its row group is not read yet.</summary>
    public EncodedSample? Find(long position)
    {
        var sample = Sample(position);
        var (group, row) = manifest.Place(sample.Index);
        return _loaded.TryGetValue(group, out var rows) ? new EncodedSample(this, sample, rows, row) : null;
    }

    /// <summary>Notes that one sample is no longer needed.</summary>
    public void Release() => _remaining--;

    public void Dispose()
    {
        foreach (var rows in _loaded.Values)
            rows.Dispose();
        _loaded.Clear();
    }

    private SampleRef Sample(long position) => new(window.Epoch, window.Samples[position - window.Start]);
}

/// <summary>A sample that lies in memory, encoded, until it is released.</summary>
internal sealed record EncodedSample(LoadedWindow Window, SampleRef Sample, RowGroup Rows, int Row)
{
    public ReadOnlySpan<byte> Image => Rows.Image(Row);

    public string? Caption => Rows.Caption(Row);

    public IReadOnlyList<IReadOnlyList<string?>>? CaptionChoices => Rows.CaptionChoices(Row);

    public string? Label => Rows.Label(Row);
}
