using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>What became of a sample.</summary>
internal readonly record struct Outcome(bool Used, string? BadReason, bool IsTruncated = false)
{
    public static Outcome Good => new(Used: true, BadReason: null);

    /// <summary>Good, but for a caption that was too long.</summary>
    public static Outcome Truncated => new(Used: true, BadReason: null, IsTruncated: true);

    /// <summary>Not wanted, and nothing is wrong with it.</summary>
    public static Outcome LeftOut => default;

    public static Outcome Bad(string reason) => new(Used: false, reason);
}

/// <summary>A batch in the making: threads fill its slots in any order, then what could not be used is closed up.</summary>
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

    /// <summary>All slots are done and closed up. Guarded by the loader's gate.</summary>
    public bool Ready { get; set; }

    /// <summary>Samples that were read.</summary>
    public int Read => slots;

    /// <summary>Samples that can be used; they are the first of the batch.</summary>
    public int Count { get; private set; }

    /// <summary>How many of these had a caption that was too long.</summary>
    public int Truncated { get; private set; }

    public ArraySegment<SampleRef> Samples => new(_samples, 0, Count);

    public ArraySegment<string?> Captions => new(_captions, 0, Count);

    public ArraySegment<string?> Labels => new(_labels, 0, Count);

    /// <summary>Digest of all samples that were read, the bad ones included.</summary>
    public ulong Digest { get; private set; } = SampleDigest.Of([]);

    /// <summary>The bad samples with their reasons, in the order of the stream.</summary>
    public IReadOnlyList<(SampleRef Sample, string Reason)> Bad { get; private set; } = [];

    /// <summary>The next slot to fill and its position in the stream; null when all are claimed. Guarded by the loader's gate.</summary>
    public SlotToFill? Claim() => _claimed < slots ? new SlotToFill(this, _claimed, start + _claimed++) : null;

    /// <summary>Notes a slot's outcome; the last one closes the batch up and gives true.</summary>
    public bool Finish(int slot, EncodedSample sample, Outcome outcome)
    {
        (_samples[slot], _captions[slot], _labels[slot], _outcomes[slot]) = (sample.Sample, sample.Caption, sample.Label, outcome);
        if (Interlocked.Increment(ref _finished) < slots)
            return false;
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
                bad.Add((_samples[slot], reason));
            if (!_outcomes[slot].Used)
                continue;
            if (_outcomes[slot].IsTruncated)
                Truncated++;
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

/// <summary>One slot of a batch that a thread has taken on.</summary>
internal sealed record SlotToFill(DecodedBatch Batch, int Slot, long Position);
