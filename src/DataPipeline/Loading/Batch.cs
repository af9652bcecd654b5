using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// One worker's part of a global batch, in native memory aligned to 64 bytes. Disposing it gives the memory back to the
/// loader, which uses it again: copy what must live longer.
/// </summary>
public sealed class Batch : IDisposable
{
    private readonly DecodedBatch _decoded;
    private readonly DecodePipeline _pipeline;
    private readonly CorpusManifest _manifest;
    private bool _disposed;

    internal Batch(DecodedBatch decoded, DecodePipeline pipeline, CorpusManifest manifest, TimeSpan wait)
    {
        (_decoded, _pipeline, _manifest, Wait) = (decoded, pipeline, manifest, wait);
        Samples = decoded.Samples;
    }

    /// <summary>The global step.</summary>
    public long Step => _decoded.Number;

    /// <summary>Samples in the batch: this worker's slice without the bad ones; may be 0.</summary>
    public int Count => _decoded.Count;

    /// <summary>[Count, 3, size, size] of the transform's type.</summary>
    public nint Images => Address(_decoded.Buffers.Images);

    /// <summary>int64 [Count, context length].</summary>
    public nint Tokens => Address(_decoded.Buffers.Tokens);

    /// <summary>int64 [Count]: the position of each caption's end-of-text token.</summary>
    public nint EndPositions => Address(_decoded.Buffers.EndPositions);

    /// <summary>
    /// int64 [Count]: the images' classes; means nothing without <see cref="TrainingLoaderOptions.Labels"/>, with which tokens and ends
    /// mean nothing.
    /// </summary>
    public nint Labels => Address(_decoded.Buffers.Labels);

    /// <summary>The samples, in the order of the stream.</summary>
    public IReadOnlyList<SampleRef> Samples { get; }

    /// <summary>The samples' names, <c>file:row</c>.</summary>
    public IReadOnlyList<string> Keys => field ??= [.. Samples.Select(s => _manifest.Key(s.Index))];

    /// <summary>Samples of the slice that were skipped.</summary>
    public int BadSamples => _decoded.Bad.Count;

    /// <summary>The first of these; null if there is none.</summary>
    public BadSample? FirstBad => _decoded.Bad.Count == 0 ? null : BadSample.Of(_manifest, _decoded.Bad[0].Sample, _decoded.Bad[0].Reason);

    /// <summary>Samples of the batch whose caption is longer than the context, so that a part of it was left out.</summary>
    public int TruncatedCaptions => _decoded.Truncated;

    /// <summary>Digest of the whole slice, the bad samples included.</summary>
    public ulong Digest => _decoded.Digest;

    /// <summary>How long <see cref="TrainingLoader.Take"/> waited for it.</summary>
    public TimeSpan Wait { get; }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _pipeline.Return(_decoded.Buffers);
    }

    private nint Address(nint address)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return address;
    }
}
