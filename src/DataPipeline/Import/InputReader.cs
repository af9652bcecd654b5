namespace ClipTrain.DataPipeline.Import;

/// <summary>Reads one input on its own thread, ahead of its consumer within limits of rows and bytes.</summary>
internal sealed class InputReader : IDisposable
{
    private const int RowsAhead = 64;
    private const long BytesAhead = 16 << 20;

    private readonly object _lock = new();
    private readonly Queue<PendingRow> _rows = new();
    private readonly Task _reading;
    private long _bytes;
    private bool _ended,
        _unwanted;

    /// <param name="source">The source.</param>
    /// <param name="input">Index of the input.</param>
    /// <param name="skip">Rows to skip at the beginning.</param>
    public InputReader(ImportSource source, int input, long skip) =>
        _reading = Task.Factory.StartNew(
            () => Fill(source.Read(input), skip),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );

    /// <summary>The rows, in order; enumerate once.</summary>
    public IEnumerable<PendingRow> Rows()
    {
        while (Take() is { } row)
        {
            yield return row;
        }

        _reading.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _unwanted = true;
            Monitor.PulseAll(_lock);
        }

        // A failure has already been thrown by Rows, or was never reached.
        _reading.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
    }

    private void Fill(IEnumerable<PendingRow> rows, long skip)
    {
        try
        {
            foreach (var row in rows)
            {
                if (skip-- <= 0)
                {
                    Add(row);
                }

                if (_unwanted)
                {
                    return;
                }
            }
        }
        finally
        {
            lock (_lock)
            {
                _ended = true;
                Monitor.PulseAll(_lock);
            }
        }
    }

    private void Add(PendingRow row)
    {
        lock (_lock)
        {
            while (!_unwanted && _rows.Count > 0 && (_rows.Count == RowsAhead || _bytes + row.Bytes > BytesAhead))
            {
                Monitor.Wait(_lock);
            }

            _rows.Enqueue(row);
            _bytes += row.Bytes;
            Monitor.PulseAll(_lock);
        }
    }

    private PendingRow? Take()
    {
        lock (_lock)
        {
            while (_rows.Count == 0 && !_ended)
            {
                Monitor.Wait(_lock);
            }

            if (!_rows.TryDequeue(out var row))
            {
                return null;
            }

            _bytes -= row.Bytes;
            Monitor.PulseAll(_lock);
            return row;
        }
    }
}

/// <summary>Converts a position in one input to a share of all inputs.</summary>
internal sealed class InputMeter
{
    private readonly long[] _before;
    private readonly long _total;

    public InputMeter(IReadOnlyList<ImportInput> inputs)
    {
        _before = new long[inputs.Count];
        for (var i = 0; i < inputs.Count; i++)
        {
            _before[i] = _total;
            _total += inputs[i].Size;
        }
    }

    /// <summary>Share of all inputs read, 0 to 1.</summary>
    public double Share(int input, long position) => _total == 0 ? 1 : Math.Min(1, (double)(_before[input] + position) / _total);
}
