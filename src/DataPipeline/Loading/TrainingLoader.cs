using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Delivers one worker's share of every global batch in order, decoded ahead by background threads so that decoding
/// overlaps compute. What it delivers is a function of corpus, seed and step alone: not of threads, workers or resumes.
/// </summary>
/// <remarks>
/// Each thread prepares a whole batch: it reads the encoded pairs under a lock, then decodes them. Memory is Prefetch
/// batches plus the encoded row groups of two shuffle windows.
/// </remarks>
public sealed class TrainingLoader : IDisposable
{
    /// <summary>Before so many samples the bad share says nothing.</summary>
    private const long SamplesBeforeLimit = 200;

    private readonly CorpusManifest _manifest;
    private readonly ITokenizer _tokenizer;
    private readonly Func<IImageTransform> _transforms;
    private readonly TrainingLoaderOptions _options;
    private readonly Action<BadSample>? _onBad;
    private readonly EncodedBatchReader _reader;
    private readonly Thread[] _threads;
    private readonly Lock _planning = new();
    private readonly object _ready = new();
    private readonly Dictionary<long, Prepared> _prepared = [];
    private readonly Stack<BatchBuffers> _free = new();
    private readonly SemaphoreSlim _slots;
    private readonly CancellationTokenSource _closing = new();
    private readonly int _capacity;
    private long _nextToPrepare, _nextToTake, _seen, _bad;
    private Exception? _failure;

    /// <param name="manifest">The corpus.</param>
    /// <param name="order">Its order; used by the loader alone from now on.</param>
    /// <param name="tokenizer">Thread-safe.</param>
    /// <param name="transforms">Makes a transform for each thread.</param>
    /// <param name="options">What to deliver.</param>
    /// <param name="onBad">Told of every sample that could not be used, in order, by the thread that takes its batch.</param>
    public TrainingLoader(CorpusManifest manifest, SampleOrder order, ITokenizer tokenizer, Func<IImageTransform> transforms, TrainingLoaderOptions options, Action<BadSample>? onBad)
    {
        (_manifest, _tokenizer, _transforms, _options, _onBad) = (manifest, tokenizer, transforms, options, onBad);
        _reader = new EncodedBatchReader(manifest, order, options);
        _capacity = SampleOrder.LocalSlice(options.GlobalBatch, options.Rank, options.WorldSize).Count;
        _slots = new SemaphoreSlim(options.Prefetch);
        _nextToPrepare = _nextToTake = options.FirstStep;
        _threads = [.. Enumerable.Range(0, options.Threads).Select(i => new Thread(Prepare) { IsBackground = true, Name = $"decode {i}" })];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>The next step's share; waits until it is prepared.</summary>
    /// <exception cref="CorpusException">The corpus cannot be read, or too much of it cannot be used.</exception>
    public Batch Take(CancellationToken cancellation = default)
    {
        var started = Stopwatch.GetTimestamp();
        Prepared? prepared;
        using (cancellation.Register(() => { lock (_ready) Monitor.PulseAll(_ready); }))
        {
            lock (_ready)
            {
                while (!_prepared.Remove(_nextToTake, out prepared))
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (_failure is not null)
                        throw new CorpusException(_failure.Message, _failure);
                    ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
                    Monitor.Wait(_ready);
                }
            }
        }

        _nextToTake++;
        _slots.Release();
        try
        {
            Account(prepared);
        }
        catch
        {
            prepared.Batch.Dispose();
            throw;
        }

        return prepared.Batch.After(Stopwatch.GetElapsedTime(started));
    }

    public void Dispose()
    {
        _closing.Cancel();
        lock (_ready)
            Monitor.PulseAll(_ready);
        foreach (var thread in _threads)
            thread.Join();
        foreach (var prepared in _prepared.Values)
            prepared.Batch.Dispose();
        lock (_free)
        {
            while (_free.TryPop(out var buffers))
                buffers.Dispose();
        }

        _reader.Dispose();
        _slots.Dispose();
        _closing.Dispose();
    }

    private void Account(Prepared prepared)
    {
        foreach (var bad in prepared.Bad)
            _onBad?.Invoke(bad);
        _seen += prepared.Batch.Count + prepared.Bad.Count;
        _bad += prepared.Bad.Count;
        if (_seen >= SamplesBeforeLimit && _bad > _options.MaxBadShare * _seen)
        {
            throw new CorpusException(
                $"{_bad} of the {_seen} samples read so far could not be used, more than the share of {_options.MaxBadShare} that data.max_bad_share allows. "
                + (prepared.Bad is [.., var last] ? $"The last: {last.File}, row {last.Row}: {last.Reason}. " : "")
                + "Mend the corpus, or raise the limit.");
        }
    }

    private void Prepare()
    {
        try
        {
            using var transform = _transforms();
            while (true)
            {
                _slots.Wait(_closing.Token);
                long step;
                IReadOnlyList<EncodedPair> pairs;
                lock (_planning)
                {
                    if (_nextToPrepare >= _options.LastStep)
                        return;
                    step = _nextToPrepare++;
                    pairs = _reader.Read(step);
                }

                var prepared = Decode(step, pairs, transform);
                lock (_ready)
                {
                    _prepared.Add(step, prepared);
                    Monitor.PulseAll(_ready);
                }
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // Disposed while waiting for a slot.
        }
        catch (Exception error)
        {
            lock (_ready)
            {
                _failure ??= error;
                Monitor.PulseAll(_ready);
            }
        }
    }

    private Prepared Decode(long step, IReadOnlyList<EncodedPair> pairs, IImageTransform transform)
    {
        var buffers = Rent(transform.Size);
        var used = new List<SampleRef>(pairs.Count);
        var bad = new List<BadSample>();
        foreach (var pair in pairs)
        {
            if (SampleDecoder.Decode(pair, transform, _tokenizer, _options.Seed, buffers, used.Count) is { } reason)
            {
                var (file, row) = _manifest.Locate(pair.Sample.Index);
                bad.Add(new BadSample(file, row, reason));
            }
            else
            {
                used.Add(pair.Sample);
            }
        }

        return new Prepared(new Batch(step, _manifest, buffers, used, bad.Count, Return), bad);
    }

    private BatchBuffers Rent(int imageSize)
    {
        lock (_free)
        {
            if (_free.TryPop(out var buffers))
                return buffers;
        }

        return new BatchBuffers(_capacity, imageSize, _tokenizer.ContextLength);
    }

    private void Return(BatchBuffers buffers)
    {
        lock (_free)
        {
            if (!_closing.IsCancellationRequested)
            {
                _free.Push(buffers);
                return;
            }
        }

        buffers.Dispose();
    }

    private sealed record Prepared(Batch Batch, IReadOnlyList<BadSample> Bad);
}
