using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// A decoding thread with its own transform. Native code cannot be interrupted: a thread whose decode was given up is abandoned, and
/// frees its transform if it ever returns.
/// </summary>
internal sealed class DecodeThread
{
    private readonly Thread _thread;
    private ThreadClock _clock;
    private DecodeJob? _job;

    /// <param name="number">Number in the thread's name.</param>
    /// <param name="transform">Disposed by the thread when it ends.</param>
    /// <param name="meter">The thread's counters.</param>
    /// <param name="run">The thread's body; must not throw.</param>
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

    /// <summary>The current job; null between jobs.</summary>
    public DecodeJob? Job => Volatile.Read(ref _job);

    public void Start() => _thread.Start();

    public void Join() => _thread.Join();

    /// <summary>Starts a job. Called by the thread itself.</summary>
    public DecodeJob Begin(SlotToFill slot, EncodedSample sample)
    {
        var job = new DecodeJob(slot, sample, _clock);
        Volatile.Write(ref _job, job);
        return job;
    }

    /// <summary>Ends the current job. Called by the thread itself.</summary>
    public void End() => Volatile.Write(ref _job, null);
}

/// <summary>
/// The decoding of one sample into a batch slot. Either its thread finishes it or the watch gives it up, whichever comes first.
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

    /// <summary>Processor time used so far.</summary>
    public TimeSpan Used => clock.Used - _started;

    /// <summary>Number of times that the watch has checked the job. Owned by the watch.</summary>
    public int Looks { get; set; }

    /// <summary>True, from now on, if the thread may write to the slot; false if the job was given up.</summary>
    public bool TryFinish() => Interlocked.CompareExchange(ref _state, Finished, Open) != GivenUp;

    /// <summary>True if the caller now owns the slot and the thread will not write to it.</summary>
    public bool TryGiveUp() => Interlocked.CompareExchange(ref _state, GivenUp, Open) == Open;
}
