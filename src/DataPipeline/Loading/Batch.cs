using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// One worker's share of a global batch in native memory. Shapes: b usable pairs, S image side, L context. Disposing it
/// gives the memory back to the loader, which uses it again.
/// </summary>
public sealed class Batch : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly BatchBuffers _buffers;
    private readonly Action<BatchBuffers> _recycle;
    private bool _disposed;

    internal Batch(long step, CorpusManifest manifest, BatchBuffers buffers, IReadOnlyList<SampleRef> samples, int badSamples, Action<BatchBuffers> recycle)
    {
        (Step, _manifest, _buffers, Samples, BadSamples, _recycle) = (step, manifest, buffers, samples, badSamples, recycle);
    }

    public long Step { get; }

    /// <summary>b: pairs in this share, without those that could not be used.</summary>
    public int Count => Samples.Count;

    /// <summary>fp32 [b, 3, S, S], normalised.</summary>
    public nint Images => _buffers.Images;

    /// <summary>int64 [b, L], zero padded.</summary>
    public nint Tokens => _buffers.Tokens;

    /// <summary>int64 [b], the end-of-text token's index in each row.</summary>
    public nint EndPositions => _buffers.EndPositions;

    /// <summary>The samples by row.</summary>
    public IReadOnlyList<SampleRef> Samples { get; }

    /// <summary>Samples of this share that could not be used.</summary>
    public int BadSamples { get; }

    /// <summary>How long <see cref="TrainingLoader.Take"/> waited for this batch.</summary>
    public TimeSpan Wait { get; internal init; }

    /// <summary>The samples' names, file:row, for messages.</summary>
    public IReadOnlyList<string> Keys => [.. Samples.Select(sample => _manifest.Locate(sample.Index)).Select(place => $"{place.File}:{place.Row}")];

    /// <summary>The same batch, with the time that was waited for it.</summary>
    internal Batch After(TimeSpan wait) => new(Step, _manifest, _buffers, Samples, BadSamples, _recycle) { Wait = wait };

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _recycle(_buffers);
    }
}
