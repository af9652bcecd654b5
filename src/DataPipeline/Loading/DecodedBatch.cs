using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Result of decoding a sample.</summary>
internal readonly record struct Outcome(bool Used, string? BadReason, bool IsTruncated = false)
{
    public static Outcome Good => new(Used: true, BadReason: null);

    /// <summary>Good, with a caption longer than the context.</summary>
    public static Outcome Truncated => new(Used: true, BadReason: null, IsTruncated: true);

    /// <summary>Excluded without being bad.</summary>
    public static Outcome LeftOut => default;

    public static Outcome Bad(string reason) => new(Used: false, reason);
}

/// <summary>A batch under construction: threads fill its slots in any order, then gaps left by unusable samples are closed.</summary>
internal sealed class DecodedBatch(long number, long start, int slots, BatchBuffers buffers)
{
    private readonly SampleRef[] _samples = new SampleRef[slots];
    private readonly string?[] _captions = new string?[slots];
    private readonly string?[] _labels = new string?[slots];
    private readonly Outcome[] _outcomes = new Outcome[slots];
    private int _claimed,
        _finished;

    public long Number => number;

    public BatchBuffers Buffers => buffers;

    /// <summary>True once all slots are filled and gaps are closed. Guarded by the loader's gate.</summary>
    public bool Ready { get; set; }

    /// <summary>Samples read.</summary>
    public int Read => slots;

    /// <summary>Usable samples; they occupy the first slots.</summary>
    public int Count { get; private set; }

    /// <summary>Usable samples whose caption is longer than the context.</summary>
    public int Truncated { get; private set; }

    public ArraySegment<SampleRef> Samples => new(_samples, 0, Count);

    public ArraySegment<string?> Captions => new(_captions, 0, Count);

    public ArraySegment<string?> Labels => new(_labels, 0, Count);

    /// <summary>Digest of all samples read, bad ones included.</summary>
    public ulong Digest { get; private set; } = SampleDigest.Of([]);

    /// <summary>Bad samples with their reasons, in stream order.</summary>
    public IReadOnlyList<(SampleRef Sample, string Reason)> Bad { get; private set; } = [];

    /// <summary>The next slot to fill; null when all are claimed. Guarded by the loader's gate.</summary>
    public SlotToFill? Claim() => _claimed < slots ? new SlotToFill(this, _claimed, start + _claimed++) : null;

    /// <summary>Records a slot's outcome. True for the last slot, after which the batch is compact.</summary>
    public bool Finish(int slot, EncodedSample sample, Outcome outcome)
    {
        (_samples[slot], _captions[slot], _labels[slot], _outcomes[slot]) = (sample.Sample, sample.Caption, sample.Label, outcome);
        if (Interlocked.Increment(ref _finished) < slots)
        {
            return false;
        }

        CloseUp();
        return true;
    }

    private void CloseUp()
    {
        Digest = SampleDigest.Of(_samples);
        var bad = new List<(SampleRef, string)>();
        for (var slot = 0; slot < slots; slot++)
        {
            if (_outcomes[slot].BadReason is { } reason)
            {
                bad.Add((_samples[slot], reason));
            }

            if (!_outcomes[slot].Used)
            {
                continue;
            }

            if (_outcomes[slot].IsTruncated)
            {
                Truncated++;
            }

            if (Count != slot)
            {
                buffers.Move(slot, Count);
                (_samples[Count], _captions[Count], _labels[Count]) = (_samples[slot], _captions[slot], _labels[slot]);
            }

            Count++;
        }

        Bad = bad;
    }
}

/// <summary>A batch slot claimed by a thread, with its position in the stream.</summary>
internal sealed record SlotToFill(DecodedBatch Batch, int Slot, long Position);
