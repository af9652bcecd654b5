using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>How an evaluation split is read.</summary>
public sealed record SequentialLoaderOptions
{
    /// <summary>Images a batch, at most.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>Decoding threads.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Column that is read as the label; none when null.</summary>
    public string? LabelColumn { get; init; }
}

/// <summary>What is known of an image beside its pixels.</summary>
public sealed record EvaluationSample(long Index, string? Caption, string? Label);

/// <summary>Images [b, 3, S, S], fp32, normalised, in native memory, and what is known of each.</summary>
public sealed class EvaluationBatch : IDisposable
{
    private readonly BatchBuffers _buffers;

    internal EvaluationBatch(BatchBuffers buffers, IReadOnlyList<EvaluationSample> samples) => (_buffers, Samples) = (buffers, samples);

    public int Count => Samples.Count;

    public nint Images => _buffers.Images;

    public IReadOnlyList<EvaluationSample> Samples { get; }

    public void Dispose() => _buffers.Dispose();
}

/// <summary>Reads a whole corpus in order with the evaluation transform. Rows whose image cannot be used are left out and told.</summary>
public sealed class SequentialLoader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly SequentialLoaderOptions _options;
    private readonly Action<BadSample>? _onBad;
    private readonly IImageTransform[] _transforms;
    private readonly CorpusReader _reader;
    private readonly List<string?>? _labels;
    private int _group, _row;
    private RowGroupData? _data;

    public SequentialLoader(CorpusManifest manifest, Func<IImageTransform> transforms, SequentialLoaderOptions options, Action<BadSample>? onBad)
    {
        (_manifest, _options, _onBad) = (manifest, options, onBad);
        _reader = new CorpusReader(manifest);
        _labels = options.LabelColumn is { } column ? [.. _reader.ReadColumn(column)] : null;
        _transforms = [.. Enumerable.Range(0, options.Threads).Select(_ => transforms())];
    }

    /// <summary>The next batch, or null at the end.</summary>
    /// <exception cref="CorpusException">The corpus cannot be read.</exception>
    public EvaluationBatch? Take()
    {
        var rows = ReadRows();
        if (rows.Count == 0)
            return null;
        var buffers = new BatchBuffers(rows.Count, _transforms[0].Size, 0);
        var reasons = new string?[rows.Count];
        Parallel.For(0, _transforms.Length, new ParallelOptions { MaxDegreeOfParallelism = _transforms.Length }, thread =>
        {
            for (var i = thread; i < rows.Count; i += _transforms.Length)
                reasons[i] = Decode(rows[i].Image, _transforms[thread], buffers.Image(i));
        });
        return new EvaluationBatch(buffers, KeepUsable(rows, reasons, buffers));
    }

    public void Dispose()
    {
        _data?.Dispose();
        _reader.Dispose();
        foreach (var transform in _transforms)
            transform.Dispose();
    }

    private static string? Decode(byte[] image, IImageTransform transform, Span<float> chw)
    {
        if (image.Length == 0)
            return "it has no image";
        try
        {
            transform.Evaluate(image, chw);
            return null;
        }
        catch (ImageDecodeException error)
        {
            return error.Message;
        }
    }

    private List<EvaluationSample> KeepUsable(List<(EvaluationSample Sample, byte[] Image)> rows, string?[] reasons, BatchBuffers buffers)
    {
        var kept = new List<EvaluationSample>(rows.Count);
        for (var i = 0; i < rows.Count; i++)
        {
            if (reasons[i] is { } reason)
            {
                var (file, row) = _manifest.Locate(rows[i].Sample.Index);
                _onBad?.Invoke(new BadSample(file, row, reason));
                continue;
            }

            if (kept.Count < i)
                buffers.Image(i).CopyTo(buffers.Image(kept.Count));
            kept.Add(rows[i].Sample);
        }

        return kept;
    }

    private List<(EvaluationSample Sample, byte[] Image)> ReadRows()
    {
        var rows = new List<(EvaluationSample, byte[])>();
        while (rows.Count < _options.BatchSize && _group < _manifest.RowGroupRows.Count)
        {
            _data ??= _reader.Read(_group);
            if (_row == _data.Count)
            {
                _data.Dispose();
                (_data, _row) = (null, 0);
                _group++;
                continue;
            }

            var index = _data.FirstIndex + _row;
            rows.Add((new EvaluationSample(index, _data.Caption(_row), _labels?[(int)index]), _data.Image(_row).ToArray()));
            _row++;
        }

        return rows;
    }
}
