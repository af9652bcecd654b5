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
    /// <param name="held">Ranges of offsets that are needed.</param>
    /// <param name="manifest">The corpus.</param>
    public LoadedStretch(Stretch stretch, IEnumerable<(long From, long To)> held, CorpusManifest manifest)
    {
        (_stretch, _manifest) = (stretch, manifest);
        _wanted = new bool[manifest.RowGroups[stretch.RowGroup].Rows];
        foreach (var (from, to) in held)
        {
            for (var offset = from; offset < to; offset++, _remaining++)
            {
                _wanted[RowOf(offset)] = true;
            }
        }
    }

    /// <summary>The row group to read.</summary>
    public int RowGroup => _stretch.RowGroup;

    /// <summary>Mask of the row group's rows that this worker needs.</summary>
    public ReadOnlySpan<bool> Wanted => _wanted;

    /// <summary>Samples not yet released.</summary>
    public int Remaining => _remaining;

    /// <summary>True if it contains an offset of a partition's stream.</summary>
    public bool Holds(int partition, long offset) => _stretch.Holds(partition, offset);

    /// <summary>Takes the rows that were read.</summary>
    public void Fill(RowGroup rows) => _rows = rows;

    /// <summary>The sample at an offset of its partition's stream; null until the row group has been read.</summary>
    public EncodedSample? Find(long offset) => _rows is null ? null : new EncodedSample(this, SampleAt(offset), _rows, RowOf(offset));

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

    private int RowOf(long offset) => _manifest.RowOf(SampleAt(offset).Index).Row;

    private SampleRef SampleAt(long offset) => new(_stretch.Epoch, _stretch.Samples[offset - _stretch.Start]);
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
