using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>A sample that could not be used and was skipped.</summary>
/// <param name="File">Path of its file.</param>
/// <param name="Row">Its row in the file, from 0.</param>
/// <param name="Reason">The problem, in words.</param>
public sealed record BadSample(string File, long Row, string Reason)
{
    internal static BadSample Of(CorpusManifest manifest, SampleRef sample, string reason)
    {
        var (file, row) = manifest.Locate(sample.Index);
        return new BadSample(file, row, reason);
    }

    public override string ToString() => $"{File}:{Row}: {Reason}";
}

/// <summary>
/// Decoded samples in native memory aligned to 64 bytes. Disposing the batch returns the memory to its loader, which reuses it:
/// copy whatever must live longer.
/// </summary>
public abstract class SampleBatch : IDisposable
{
    private readonly DecodePipeline _pipeline;
    private bool _disposed;

    private protected SampleBatch(DecodedBatch decoded, DecodePipeline pipeline, CorpusManifest manifest) =>
        (Decoded, _pipeline, Manifest) = (decoded, pipeline, manifest);

    /// <summary>Usable samples; bad ones and those left out are not counted. May be 0.</summary>
    public int Count => Decoded.Count;

    /// <summary>Address of the images: [Count, 3, size, size] of the transform's type.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public nint Images => Address(Decoded.Buffers.Images);

    /// <summary>Names of the samples in reports, <c>file:row</c>.</summary>
    public IReadOnlyList<string> Keys => field ??= [.. Decoded.Samples.Select(s => Manifest.Key(s.Index))];

    /// <summary>Number of skipped samples.</summary>
    public int BadSamples => Decoded.Bad.Count;

    private protected DecodedBatch Decoded { get; }

    private protected CorpusManifest Manifest { get; }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _pipeline.Return(Decoded.Buffers);
    }

    private protected nint Address(nint address)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return address;
    }
}

/// <summary>One worker's part of a global batch.</summary>
public sealed class Batch : SampleBatch
{
    internal Batch(DecodedBatch decoded, DecodePipeline pipeline, CorpusManifest manifest, TimeSpan wait)
        : base(decoded, pipeline, manifest) => Wait = wait;

    /// <summary>The global step, from 0.</summary>
    public long Step => Decoded.Number;

    /// <summary>Address of the tokens: int64 [Count, context length].</summary>
    public nint Tokens => Address(Decoded.Buffers.Tokens);

    /// <summary>Address of each caption's end-of-text position: int64 [Count].</summary>
    public nint EndPositions => Address(Decoded.Buffers.EndPositions);

    /// <summary>
    /// Address of the images' classes: int64 [Count]. Undefined without <see cref="TrainingLoaderOptions.Labels"/>; with it, tokens and
    /// end positions are undefined.
    /// </summary>
    public nint Labels => Address(Decoded.Buffers.Labels);

    /// <summary>The samples, in stream order.</summary>
    public IReadOnlyList<SampleRef> Samples => Decoded.Samples;

    /// <summary>The first skipped sample; null if none was skipped.</summary>
    public BadSample? FirstBad => Decoded.Bad.Count == 0 ? null : BadSample.Of(Manifest, Decoded.Bad[0].Sample, Decoded.Bad[0].Reason);

    /// <summary>Number of captions longer than the context, of which only a part is used.</summary>
    public int TruncatedCaptions => Decoded.Truncated;

    /// <summary>Digest of the worker's whole slice, bad samples included; see <see cref="SampleDigest"/>.</summary>
    public ulong Digest => Decoded.Digest;

    /// <summary>Time that <see cref="TrainingLoader.Take"/> waited for this batch.</summary>
    public TimeSpan Wait { get; }
}

/// <summary>Consecutive samples of an evaluation corpus.</summary>
public sealed class EvaluationBatch : SampleBatch
{
    internal EvaluationBatch(DecodedBatch decoded, DecodePipeline pipeline, CorpusManifest manifest)
        : base(decoded, pipeline, manifest) => Indices = [.. decoded.Samples.Select(s => s.Index)];

    /// <summary>Sample numbers in the corpus, ascending.</summary>
    public IReadOnlyList<long> Indices { get; }

    /// <summary>Captions; null only where captions are optional.</summary>
    public IReadOnlyList<string?> Captions => Decoded.Captions;

    /// <summary>Labels as text; null if no label column is read.</summary>
    public IReadOnlyList<string?> Labels => Decoded.Labels;
}
