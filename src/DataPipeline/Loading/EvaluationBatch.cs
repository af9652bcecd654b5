using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Consecutive samples of an evaluation corpus; see <see cref="Batch"/> for the memory.</summary>
public sealed class EvaluationBatch : IDisposable
{
    private readonly DecodedBatch _decoded;
    private readonly DecodePipeline _pipeline;
    private readonly CorpusManifest _manifest;
    private bool _disposed;

    internal EvaluationBatch(DecodedBatch decoded, DecodePipeline pipeline, CorpusManifest manifest)
    {
        (_decoded, _pipeline, _manifest) = (decoded, pipeline, manifest);
        Indices = [.. decoded.Samples.Select(s => s.Index)];
        Captions = decoded.Captions;
        Labels = decoded.Labels;
    }

    /// <summary>Samples in the batch, without the bad ones and those left out; may be 0.</summary>
    public int Count => _decoded.Count;

    /// <summary>[Count, 3, size, size] of the transform's type.</summary>
    public nint Images
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _decoded.Buffers.Images;
        }
    }

    /// <summary>The samples' numbers in the corpus, rising.</summary>
    public IReadOnlyList<long> Indices { get; }

    /// <summary>The samples' names, <c>file:row</c>.</summary>
    public IReadOnlyList<string> Keys => field ??= [.. Indices.Select(_manifest.Key)];

    /// <summary>The captions; null only where none is required.</summary>
    public IReadOnlyList<string?> Captions { get; }

    /// <summary>The labels; null if no label column was named.</summary>
    public IReadOnlyList<string?> Labels { get; }

    /// <summary>Samples that were skipped.</summary>
    public int BadSamples => _decoded.Bad.Count;

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _pipeline.Return(_decoded.Buffers);
    }
}
