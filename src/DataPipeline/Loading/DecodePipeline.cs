using System.Runtime.ExceptionServices;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Decodes the batches of a stream ahead of their consumer. All threads work on the earliest unfinished batch, so that the next batch is
/// ready as early as possible; batches come out in order for any number of threads. A sample that takes too long is marked bad and its
/// thread is replaced.
/// </summary>
internal sealed class DecodePipeline : IDisposable
{
    /// <summary>Abandoned decodes that may still be running: each holds a core and memory.</summary>
    private const int MostGivenUp = 16;

    /// <summary>
    /// Time that disposal waits for threads inside native code or a file system; they free their memory when they return.
    /// </summary>
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(5);

    private readonly CorpusManifest _manifest;
    private readonly ISampleStream _stream;
    private readonly DecodeOptions _options;
    private readonly Func<IImageTransform> _createTransform;
    private readonly SampleDecoder _decoder;
    private readonly WorkGate _gate = new();
    private readonly List<DecodeThread> _threads = [];
    private readonly Queue<DecodedBatch> _batches = new();
    private readonly BatchBufferPool _pool;
    private readonly StretchReader _reader;
    private readonly LoaderMeter _meter;
    private readonly ThreadMeter _consumer,
        _watcher;
    private readonly DecodeWatch _watch;
    private DecodedBatch? _filling;
    private long _nextBatch,
        _taken,
        _awaited = -1;
    private int _givenUp,
        _started;
    private bool _disposed;

    public DecodePipeline(
        CorpusManifest manifest,
        ISampleStream stream,
        DecodeOptions options,
        Func<IImageTransform> createTransform,
        SampleDecoder decoder
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Threads, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Prefetch, nameof(options));
        (_manifest, _stream, _options, _createTransform, _decoder) = (manifest, stream, options, createTransform, decoder);
        _nextBatch = _taken = stream.FirstBatch;
        _meter = new LoaderMeter(options.Threads);
        (_consumer, _watcher) = (_meter.AddThread(), _meter.AddThread());
        var transforms = new List<IImageTransform>();
        try
        {
            for (var i = 0; i < options.Threads; i++)
            {
                transforms.Add(createTransform());
            }

            _pool = new BatchBufferPool(stream.MaxCount, transforms[0].OutputBytes, options.Context);
            _reader = new StretchReader(manifest, options.LabelColumn, stream, _gate, _meter.AddThread());
        }
        catch
        {
            transforms.ForEach(t => t.Dispose());
            throw;
        }

        _threads.AddRange(transforms.Select(NewThread));
        _threads.ForEach(t => t.Start());
        _watch = new DecodeWatch(options.ImageTime, options.Time, Look);
    }

    /// <summary>True once all batches have been taken.</summary>
    public bool AtEnd => _taken >= _stream.LastBatch;

    /// <summary>Counters up to now.</summary>
    public LoaderFigures Figures
    {
        get
        {
            var ready = 0;
            _gate.Look(() => ready = _batches.Count(b => b.Ready));
            return _meter.Look(ready);
        }
    }

    /// <summary>Waits up to <paramref name="patience"/> for the next batch. True if <see cref="Take"/> would not block.</summary>
    public bool Wait(TimeSpan patience, CancellationToken cancellation)
    {
        Volatile.Write(ref _awaited, _taken);
        using var _ = _consumer.Time(LoaderWork.AwaitBatch, items: 0);
        return _gate.Wait(() => _batches.TryPeek(out var first) && first.Ready, patience, cancellation);
    }

    /// <summary>Waits for the next batch. Rethrows a failure of any thread.</summary>
    public DecodedBatch Take(CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (AtEnd)
        {
            throw new InvalidOperationException($"all batches up to {_stream.LastBatch} have been taken");
        }

        Volatile.Write(ref _awaited, _taken);
        using var _ = _consumer.Time(LoaderWork.AwaitBatch);
        var batch = _gate.WhenOrThrow(() => _batches.TryPeek(out var first) && first.Ready ? _batches.Dequeue() : null, cancellation);
        Volatile.Write(ref _taken, _taken + 1);
        return batch;
    }

    /// <summary>Returns a batch's buffers, also after the pipeline has been disposed.</summary>
    public void Return(BatchBuffers buffers) => _pool.Return(buffers);

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _watch.Dispose();
        _gate.Stop();
        var end = new Thread(Free) { IsBackground = true, Name = "cliptrain-loader-end" };
        end.Start();
        end.Join(EndPatience);
    }

    private void Free()
    {
        _threads.ForEach(t => t.Join());
        _reader.Dispose();
        foreach (var batch in _batches)
        {
            _pool.Return(batch.Buffers);
        }

        _pool.Dispose();
    }

    private DecodeThread NewThread(IImageTransform transform) => new(_started++, transform, _meter.AddThread(), Run);

    private void Run(DecodeThread thread)
    {
        try
        {
            while (AwaitSlot(thread.Meter) is { } slot && AwaitSample(slot, thread.Meter) is { } sample && Fill(thread, slot, sample)) { }
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

    /// <summary>Decodes a sample. False if the job was given up meanwhile and this thread has been replaced.</summary>
    private bool Fill(DecodeThread thread, SlotToFill slot, EncodedSample sample)
    {
        var job = thread.Begin(slot, sample);
        Outcome outcome = default;
        Exception? failure = null;
        try
        {
            outcome = _decoder.Decode(job, thread.Transform, thread.Meter);
        }
        catch (Exception e)
        {
            failure = e;
        }

        if (!job.TryFinish())
        {
            _reader.Return(sample);
            Interlocked.Decrement(ref _givenUp);
            return false;
        }

        thread.End();
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        Finish(slot, sample, outcome, thread.Meter);
        _reader.Release(sample);
        return true;
    }

    private void Finish(SlotToFill slot, EncodedSample sample, Outcome outcome, ThreadMeter meter)
    {
        // Counted before the batch is handed over, so that its consumer sees all of it counted.
        meter.Count(LoaderWork.Assemble);
        bool complete;
        using (meter.Time(LoaderWork.Assemble, items: 0))
        {
            complete = slot.Batch.Finish(slot.Slot, sample, outcome);
        }

        if (complete)
        {
            _gate.Change(() => slot.Batch.Ready = true);
        }
    }

    private void Look(DecodeWatch watch)
    {
        try
        {
            for (var i = 0; i < _threads.Count; i++)
            {
                if (_threads[i].Job is { } job && watch.IsOverdue(job) && job.TryGiveUp())
                {
                    Replace(i, job);
                }
            }

            var awaited = Volatile.Read(ref _awaited);
            if (watch.TimeToTell(awaited == Volatile.Read(ref _taken) ? awaited : null) is { } wait)
            {
                _options.OnLongWait?.Invoke($"Waiting {wait.TotalSeconds:0} s for the batch of step {awaited + 1}{Reason(awaited)}");
            }
        }
        catch (Exception e)
        {
            _gate.Fail(e);
        }
    }

    private void Replace(int i, DecodeJob job)
    {
        if (Interlocked.Increment(ref _givenUp) > MostGivenUp)
        {
            throw new CorpusException(
                $"{MostGivenUp} images have been decoding for longer than data.max_image_seconds, {_options.ImageTime.TotalSeconds:0.###} "
                    + $"s; the last one is {_manifest.Key(job.Sample.Sample.Index)}. "
                    + "Exclude them with data.filter, or convert them"
            );
        }

        _reader.GiveUp(job.Sample);
        Finish(
            job.Slot,
            job.Sample,
            Outcome.Bad($"the image takes longer to decode than data.max_image_seconds, {_options.ImageTime.TotalSeconds:0.###} s"),
            _watcher
        );
        _threads[i] = NewThread(_createTransform());
        _threads[i].Start();
    }

    /// <summary>The cause of a batch's delay, as far as known.</summary>
    private string Reason(long batch)
    {
        var job = _threads.Select(t => t.Job).Where(j => j is not null && j.Slot.Batch.Number == batch).MaxBy(j => j!.Used);
        if (job is not null)
        {
            return $": {_manifest.Key(job.Sample.Sample.Index)} is being decoded";
        }

        return _reader.Reading is { } rowGroup
            ? $": the row group that begins with {_manifest.Key(_manifest.RowGroups[rowGroup].FirstIndex)} is being read"
            : "";
    }

    private SlotToFill? NextSlot()
    {
        while (true)
        {
            if (_filling?.Claim() is { } slot)
            {
                return slot;
            }

            if (_nextBatch >= _stream.LastBatch || _batches.Count == _options.Prefetch)
            {
                return null;
            }

            var (start, count) = _stream.Slice(_nextBatch);
            var batch = _filling = new DecodedBatch(_nextBatch++, start, count, _pool.Rent());
            _batches.Enqueue(batch);
            // An empty batch is ready at once: no thread will finish it.
            if (count == 0)
            {
                _gate.Change(() => batch.Ready = true);
            }
        }
    }
}

/// <summary>Reading and decoding options of a pipeline.</summary>
/// <param name="Threads">Decoding threads.</param>
/// <param name="Prefetch">Batches prepared ahead of the one being taken.</param>
/// <param name="Context">Tokens per caption.</param>
/// <param name="LabelColumn">Column to read as label, or null.</param>
internal sealed record DecodeOptions(int Threads, int Prefetch, int Context, string? LabelColumn)
{
    /// <summary>Processor time that one image may take.</summary>
    public TimeSpan ImageTime { get; init; } = DefaultImageTime;

    /// <summary>Clock of the checks on decodes and on waiting.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Called on a pool thread with a message when the consumer has waited long for a batch.</summary>
    public Action<string>? OnLongWait { get; init; }

    public static TimeSpan DefaultImageTime { get; } = TimeSpan.FromSeconds(60);
}
