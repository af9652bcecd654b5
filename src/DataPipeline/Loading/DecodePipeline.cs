using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Decodes a sample into a slot of the buffers, and counts what it does.</summary>
internal delegate Outcome DecodeSample(EncodedSample sample, IImageTransform transform, BatchBuffers buffers, int slot, ThreadMeter meter);

/// <summary>
/// Threads that decode the batches of a stream ahead of their consumer. They share the samples of the earliest unfinished
/// batch, so that the next one is ready as soon as can be; batches come out in order whatever the number of threads.
/// </summary>
internal sealed class DecodePipeline : IDisposable
{
    private readonly ISampleStream _stream;
    private readonly int _prefetch;
    private readonly DecodeSample _decode;
    private readonly WorkGate _gate = new();
    private readonly List<IImageTransform> _transforms = [];
    private readonly List<Thread> _threads = [];
    private readonly Queue<DecodedBatch> _batches = new();
    private readonly BatchBufferPool _pool;
    private readonly StretchReader _reader;
    private readonly LoaderMeter _meter;
    private readonly ThreadMeter _consumer;
    private DecodedBatch? _filling;
    private long _nextBatch, _taken;
    private bool _disposed;

    public DecodePipeline(
        CorpusManifest manifest, string? labelColumn, ISampleStream stream, int threads, int prefetch, int context,
        Func<IImageTransform> createTransform, DecodeSample decode)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(prefetch);
        (_stream, _prefetch, _decode) = (stream, prefetch, decode);
        _nextBatch = _taken = stream.FirstBatch;
        _meter = new LoaderMeter(threads);
        _consumer = _meter.AddThread();
        try
        {
            for (var i = 0; i < threads; i++)
                _transforms.Add(createTransform());
            _pool = new BatchBufferPool(stream.MaxCount, _transforms[0].OutputBytes, context);
            _reader = new StretchReader(manifest, labelColumn, stream, _gate, _meter.AddThread());
        }
        catch
        {
            _transforms.ForEach(t => t.Dispose());
            throw;
        }

        foreach (var transform in _transforms)
        {
            var meter = _meter.AddThread();
            var thread = new Thread(() => Run(transform, meter)) { IsBackground = true, Name = $"cliptrain-decode-{_threads.Count}" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Whether all batches have been taken.</summary>
    public bool AtEnd => _taken >= _stream.LastBatch;

    /// <summary>What has been done up to now.</summary>
    public LoaderFigures Figures
    {
        get
        {
            var ready = 0;
            _gate.Look(() => ready = _batches.Count(b => b.Ready));
            return _meter.Look(ready);
        }
    }

    /// <summary>Waits for the next batch. A failure of any thread is thrown here.</summary>
    public DecodedBatch Take(CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (AtEnd)
            throw new InvalidOperationException($"all batches up to {_stream.LastBatch} have been taken");
        using var _ = _consumer.Time(LoaderWork.AwaitBatch);
        var batch = _gate.WhenOrThrow(() => _batches.TryPeek(out var first) && first.Ready ? _batches.Dequeue() : null, cancellation);
        _taken++;
        return batch;
    }

    /// <summary>Gives a batch's buffers back; also after the pipeline has been disposed.</summary>
    public void Return(BatchBuffers buffers) => _pool.Return(buffers);

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _gate.Stop();
        _threads.ForEach(t => t.Join());
        _reader.Dispose();
        _transforms.ForEach(t => t.Dispose());
        foreach (var batch in _batches)
            _pool.Return(batch.Buffers);
        _pool.Dispose();
    }

    private void Run(IImageTransform transform, ThreadMeter meter)
    {
        try
        {
            while (AwaitSlot(meter) is { } slot && AwaitSample(slot, meter) is { } sample)
                Fill(slot, sample, transform, meter);
        }
        catch (Exception e)
        {
            _gate.Fail(e);
        }
    }

    private SlotToFill? AwaitSlot(ThreadMeter meter)
    {
        using var _ = meter.Time(LoaderWork.AwaitSlot);
        return _gate.When(NextSlot);
    }

    private EncodedSample? AwaitSample(SlotToFill slot, ThreadMeter meter)
    {
        using var _ = meter.Time(LoaderWork.AwaitSample);
        return _reader.Get(slot.Position);
    }

    private void Fill(SlotToFill slot, EncodedSample sample, IImageTransform transform, ThreadMeter meter)
    {
        var outcome = _decode(sample, transform, slot.Batch.Buffers, slot.Slot, meter);
        bool complete;
        using (meter.Time(LoaderWork.Assemble))
        {
            complete = slot.Batch.Finish(slot.Slot, sample, outcome);
            _reader.Release(sample);
        }

        if (complete)
            _gate.Change(() => slot.Batch.Ready = true);
    }

    private SlotToFill? NextSlot()
    {
        while (true)
        {
            if (_filling?.Claim() is { } slot)
                return slot;
            if (_nextBatch >= _stream.LastBatch || _batches.Count == _prefetch)
                return null;
            var (start, count) = _stream.Slice(_nextBatch);
            var batch = _filling = new DecodedBatch(_nextBatch++, start, count, _pool.Rent());
            _batches.Enqueue(batch);
            // No thread will finish a batch without samples.
            if (count == 0)
                _gate.Change(() => batch.Ready = true);
        }
    }
}
