namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// A thread that decodes samples with a transform of its own. Native code cannot be interrupted: a thread whose decode was
/// given up is left alone, and frees its transform if it ever comes back.
/// </summary>
internal sealed class DecodeThread
{
    private readonly Thread _thread;
    private ThreadClock _clock;
    private DecodeJob? _job;

    /// <param name="number">Part of the thread's name.</param>
    /// <param name="transform">Disposed by the thread when it ends.</param>
    /// <param name="meter">Counts what it does.</param>
    /// <param name="run">Its work from start to end, which throws nothing.</param>
    public DecodeThread(int number, IImageTransform transform, ThreadMeter meter, Action<DecodeThread> run)
    {
        (Transform, Meter) = (transform, meter);
        _thread = new Thread(() =>
        {
            _clock = ThreadClock.OfThisThread();
            run(this);
            transform.Dispose();
        })
        {
            IsBackground = true,
            Name = $"cliptrain-decode-{number}",
        };
    }

    public IImageTransform Transform { get; }

    public ThreadMeter Meter { get; }

    /// <summary>The job in hand; null between two.</summary>
    public DecodeJob? Job => Volatile.Read(ref _job);

    public void Start() => _thread.Start();

    public void Join() => _thread.Join();

    /// <summary>Takes on a sample. Called by the thread itself.</summary>
    public DecodeJob Begin(SlotToFill slot, EncodedSample sample)
    {
        var job = new DecodeJob(slot, sample, _clock);
        Volatile.Write(ref _job, job);
        return job;
    }

    /// <summary>The job is done. Called by the thread itself.</summary>
    public void End() => Volatile.Write(ref _job, null);
}

/// <summary>
/// One sample on its way into a slot of a batch. Its thread finishes it, or the watch gives it up: whichever comes first.
/// </summary>
internal sealed class DecodeJob(SlotToFill slot, EncodedSample sample, ThreadClock clock)
{
    private const int Open = 0,
        Finished = 1,
        GivenUp = 2;

    private readonly TimeSpan _started = clock.Used;
    private int _state;

    public SlotToFill Slot => slot;

    public EncodedSample Sample => sample;

    public BatchBuffers Buffers => slot.Batch.Buffers;

    /// <summary>Processor time that it has taken.</summary>
    public TimeSpan Used => clock.Used - _started;

    /// <summary>So many times has the watch seen it. Belongs to the watch.</summary>
    public int Looks { get; set; }

    /// <summary>True from now on if the thread may write to the slot; false if the job was given up.</summary>
    public bool TryFinish() => Interlocked.CompareExchange(ref _state, Finished, Open) != GivenUp;

    /// <summary>True if the thread must write no more: the slot is the caller's.</summary>
    public bool TryGiveUp() => Interlocked.CompareExchange(ref _state, GivenUp, Open) == Open;
}
