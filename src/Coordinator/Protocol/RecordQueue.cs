namespace ClipTrain.Coordinator.Protocol;

/// <summary>The records that one heartbeat carries.</summary>
/// <param name="HasMore">True if more records follow that did not fit.</param>
public sealed record RecordBatch(IReadOnlyList<StepRecord> Records, bool HasMore);

/// <summary>
/// The committed steps of a worker that the coordinator has not acknowledged, oldest first. Nothing is dropped to make room: when <see
/// cref="HasRoom"/> is false, the worker waits before its next step until records are acknowledged or it gives up on the coordinator.
/// Not thread-safe.
/// </summary>
/// <remarks>
/// Upper bound: a worker adds one record per step and steps only while there is room, so the queue holds less than
/// <see cref="MaxBytes"/> plus one record. Out of contact for its coordinator timeout T, a worker gives up and adds only the few steps
/// until all ranks have stopped; before that it has added at most T / (seconds per step) records, so most runs stay far below the limit.
/// While the coordinator answers, each round trip removes one batch.
/// </remarks>
public sealed class RecordQueue
{
    /// <summary>Maximum number of records in a heartbeat.</summary>
    public const int BatchRecords = 512;

    /// <summary>Maximum number of shares in all records of a heartbeat; one record is always allowed.</summary>
    public const int BatchShares = 16_384;

    /// <summary>Size in bytes at which the worker stops stepping.</summary>
    public const long MaxBytes = 64L << 20;

    /// <summary>Number of records that fill the queue, and thus the farthest a worker can be ahead of the ledger.</summary>
    public const long MaxRecords = MaxBytes / RecordBytes;

    private const long RecordBytes = 1024;

    private readonly Queue<StepRecord> _records = new();

    public int Count => _records.Count;

    /// <summary>Upper estimate of the memory used by the records.</summary>
    public long Bytes { get; private set; }

    /// <summary>False if the worker must wait for an acknowledgement before it takes another step.</summary>
    public bool HasRoom => Bytes < MaxBytes;

    /// <summary>Upper estimate of a record's memory: its objects, including the loader's figures, and 24 bytes per rank.</summary>
    public static long BytesOf(StepRecord record) =>
        RecordBytes + (24L * record.Shares.Count) + (64L * (record.Metrics.CorpusEpochs?.Count ?? 0));

    /// <summary>Adds the record of a step that was just committed.</summary>
    public void Add(StepRecord record)
    {
        _records.Enqueue(record);
        Bytes += BytesOf(record);
    }

    /// <summary>The oldest records that fit into one heartbeat.</summary>
    /// <param name="upToStep">Excludes later steps, which another rank sends.</param>
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

    /// <summary>All records up to a step, which a checkpoint of that step must contain.</summary>
    public IReadOnlyList<StepRecord> UpTo(long step) => [.. _records.TakeWhile(record => record.Metrics.Step <= step)];

    /// <summary>Removes the records up to this step, which the coordinator has stored.</summary>
    public void Acknowledge(long recordedStep)
    {
        while (_records.TryPeek(out var first) && first.Metrics.Step <= recordedStep)
        {
            Bytes -= BytesOf(_records.Dequeue());
        }
    }

    /// <summary>Removes the records after the start step of a new generation, which will repeat those steps.</summary>
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
