namespace ClipTrain.Coordinator.Protocol;

/// <summary>The records that one heartbeat carries.</summary>
/// <param name="HasMore">True if others follow that did not fit.</param>
public sealed record RecordBatch(IReadOnlyList<StepRecord> Records, bool HasMore);

/// <summary>
/// The committed steps of a worker that the coordinator has not acknowledged, oldest first. None is dropped to make room:
/// when <see cref="HasRoom"/> is false, the worker waits before its next step until records are acknowledged or it gives its
/// coordinator up. Not thread-safe.
/// </summary>
/// <remarks>
/// The bound: a worker adds one record a step and takes a step only while there is room, so that the queue holds less than
/// <see cref="MaxBytes"/> plus one record. Out of contact for its coordinator timeout T, a worker gives up and adds only the few
/// steps until all ranks have stopped; before that it has added T / (seconds a step) records at most, so most runs never come
/// near the bound. While the coordinator answers, each round trip takes one batch off the queue.
/// </remarks>
public sealed class RecordQueue
{
    /// <summary>A heartbeat carries at most this number of records.</summary>
    public const int BatchRecords = 512;

    /// <summary>A heartbeat carries at most this number of shares in all its records, but always one record.</summary>
    public const int BatchShares = 16_384;

    /// <summary>At this size the worker stops stepping.</summary>
    public const long MaxBytes = 64L << 20;

    /// <summary>No worker is farther ahead of what is recorded: so many records fill the queue.</summary>
    public const long MaxRecords = MaxBytes / RecordBytes;

    private const long RecordBytes = 1024;

    private readonly Queue<StepRecord> _records = new();

    public int Count => _records.Count;

    /// <summary>An upper estimate of the memory of the records.</summary>
    public long Bytes { get; private set; }

    /// <summary>False if the worker must wait for an acknowledgement before it takes another step.</summary>
    public bool HasRoom => Bytes < MaxBytes;

    /// <summary>An upper estimate of a record's memory: its objects, the loader's figures among them, and 24 bytes a rank.</summary>
    public static long BytesOf(StepRecord record) =>
        RecordBytes + (24L * record.Shares.Count) + (64L * (record.Metrics.CorpusEpochs?.Count ?? 0));

    /// <summary>Adds the record of the step that was just committed.</summary>
    public void Add(StepRecord record)
    {
        _records.Enqueue(record);
        Bytes += BytesOf(record);
    }

    /// <summary>The oldest records, as many as one heartbeat may carry.</summary>
    /// <param name="upToStep">Later steps are left out: another rank sends them.</param>
    public RecordBatch Batch(long upToStep = long.MaxValue)
    {
        var batch = new List<StepRecord>();
        var shares = 0;
        foreach (var record in _records)
        {
            shares += record.Shares.Count;
            if (record.Metrics.Step > upToStep)
            {
                break;
            }

            if (batch.Count == BatchRecords || (shares > BatchShares && batch.Count > 0))
            {
                return new RecordBatch(batch, HasMore: true);
            }

            batch.Add(record);
        }

        return new RecordBatch(batch, HasMore: false);
    }

    /// <summary>All records up to a step: a checkpoint of that step must not lack one.</summary>
    public IReadOnlyList<StepRecord> UpTo(long step) => [.. _records.TakeWhile(record => record.Metrics.Step <= step)];

    /// <summary>Records up to this step are safe with the coordinator.</summary>
    public void Acknowledge(long recordedStep)
    {
        while (_records.TryPeek(out var first) && first.Metrics.Step <= recordedStep)
        {
            Bytes -= BytesOf(_records.Dequeue());
        }
    }

    /// <summary>A new generation starts from this step: later ones are undone, and will be taken and added again.</summary>
    public void DropAfter(long startStep)
    {
        var kept = UpTo(startStep);
        _records.Clear();
        Bytes = 0;
        foreach (var record in kept)
        {
            _records.Enqueue(record);
            Bytes += BytesOf(record);
        }
    }
}
