using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>A stretch of a partition with the encoded samples that this worker needs of it. Guarded by the loader's gate.</summary>
internal sealed class LoadedStretch : IDisposable
{
    private readonly Stretch _stretch;
    private readonly CorpusManifest _manifest;
    private readonly bool[] _wanted;
    private RowGroup? _rows;
    private int _remaining,
        _givenUp;
    private bool _over;

    /// <param name="stretch">The stretch.</param>
    /// <param name="held">Ranges of places that are needed.</param>
    /// <param name="manifest">The corpus.</param>
    public LoadedStretch(Stretch stretch, IEnumerable<(long From, long To)> held, CorpusManifest manifest)
    {
        (_stretch, _manifest) = (stretch, manifest);
        _wanted = new bool[manifest.Groups[stretch.Group].Rows];
        foreach (var (from, to) in held)
        {
            for (var place = from; place < to; place++, _remaining++)
            {
                _wanted[RowOf(place)] = true;
            }
        }
    }

    /// <summary>The row group to read.</summary>
    public int Group => _stretch.Group;

    /// <summary>Mask of the row group's rows that this worker needs.</summary>
    public ReadOnlySpan<bool> Wanted => _wanted;

    /// <summary>Samples not yet released.</summary>
    public int Remaining => _remaining;

    /// <summary>True if it contains a place of a partition's stream.</summary>
    public bool Holds(int partition, long place) => _stretch.Holds(partition, place);

    /// <summary>Takes the rows that were read.</summary>
    public void Fill(RowGroup rows) => _rows = rows;

    /// <summary>The sample at a place of its partition's stream; null until the row group has been read.</summary>
    public EncodedSample? Find(long place) => _rows is null ? null : new EncodedSample(this, SampleAt(place), _rows, RowOf(place));

    /// <summary>Records that one sample is no longer needed.</summary>
    public void Release() => _remaining--;

    /// <summary>Records that one sample is no longer needed, although a thread still reads its bytes.</summary>
    public void GiveUp()
    {
        _remaining--;
        _givenUp++;
    }

    /// <summary>Records that the thread of a given-up sample has returned.</summary>
    public void Return()
    {
        if (--_givenUp == 0 && _over)
        {
            _rows!.Dispose();
        }
    }

    /// <summary>Frees the rows once no thread reads them.</summary>
    public void Dispose()
    {
        _over = true;
        if (_givenUp == 0)
        {
            _rows?.Dispose();
        }
    }

    private int RowOf(long place) => _manifest.Place(SampleAt(place).Index).Row;

    private SampleRef SampleAt(long place) => new(_stretch.Epoch, _stretch.Samples[place - _stretch.Start]);
}

/// <summary>An encoded sample in memory, valid until it is released.</summary>
internal sealed record EncodedSample(LoadedStretch Stretch, SampleRef Sample, RowGroup Rows, int Row)
{
    public ReadOnlySpan<byte> Image => Rows.Image(Row);

    /// <summary>See <see cref="RowGroup.ImageProblem"/>.</summary>
    public string? ImageProblem => Rows.ImageProblem(Row);

    public string? Caption => Rows.Caption(Row);

    /// <summary>The reason why a caption cannot be used; null if it can.</summary>
    public string? CaptionProblemOf(string? caption) =>
        Rows.CaptionProblem(Row) ?? (string.IsNullOrWhiteSpace(caption) ? "the caption is empty" : null);

    public IReadOnlyList<IReadOnlyList<string?>>? CaptionChoices => Rows.CaptionChoices(Row);

    public string? Label => Rows.Label(Row);
}
