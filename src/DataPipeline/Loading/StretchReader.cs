using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Reads the row groups of this worker's partitions on its own thread, in the order in which the stream needs them, keeping only this
/// worker's rows. At most two stretches per partition are in memory; a stretch is freed with its last sample.
/// </summary>
internal sealed class StretchReader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly ISampleStream _stream;
    private readonly WorkGate _gate;
    private readonly ThreadMeter _meter;
    private readonly CorpusReader _reader;
    private readonly Thread _thread;
    private readonly List<LoadedStretch> _stretches = [];
    private int _reading = -1;

    public StretchReader(CorpusManifest manifest, string? labelColumn, ISampleStream stream, WorkGate gate, ThreadMeter meter)
    {
        (_manifest, _stream, _gate, _meter) = (manifest, stream, gate, meter);
        _reader = new CorpusReader(manifest, labelColumn);
        _thread = new Thread(Run) { IsBackground = true, Name = "cliptrain-read" };
        _thread.Start();
    }

    /// <summary>The row group being read; null if none is.</summary>
    public int? Reading => Volatile.Read(ref _reading) is >= 0 and var rowGroup ? rowGroup : null;

    /// <summary>Waits for the sample at a position; null once the work has failed or stopped.</summary>
    public EncodedSample? Get(long position)
    {
        var (partition, offset) = _stream.At(position);
        return _gate.When(() => _stretches.Find(s => s.Holds(partition, offset))?.Find(offset));
    }

    /// <summary>Releases a sample whose bytes are no longer used.</summary>
    public void Release(EncodedSample sample) =>
        _gate.ChangeIf(() =>
        {
            sample.Stretch.Release();
            return RemoveIfDone(sample.Stretch);
        });

    /// <summary>Releases a sample whose bytes a thread still reads.</summary>
    public void GiveUp(EncodedSample sample) =>
        _gate.ChangeIf(() =>
        {
            sample.Stretch.GiveUp();
            return RemoveIfDone(sample.Stretch);
        });

    /// <summary>Records that the thread of a given-up sample has returned; valid after disposal.</summary>
    public void Return(EncodedSample sample) => _gate.Look(sample.Stretch.Return);

    /// <summary>Waits for the thread, which ends when the gate stops, and frees all memory.</summary>
    public void Dispose()
    {
        _thread.Join();
        _gate.Look(() => _stretches.ForEach(stretch => stretch.Dispose()));
        _reader.Dispose();
    }

    private bool RemoveIfDone(LoadedStretch stretch)
    {
        if (stretch.Remaining > 0)
        {
            return false;
        }

        _stretches.Remove(stretch);
        stretch.Dispose();
        return true;
    }

    private void Run()
    {
        try
        {
            foreach (var stretch in Plan())
            {
                if (AwaitRoom(stretch) is null)
                {
                    return;
                }

                var rows = Read(stretch);
                _gate.Change(() => stretch.Fill(rows));
                if (_gate.IsOver)
                {
                    return;
                }
            }
        }
        catch (Exception e)
        {
            _gate.Fail(e);
        }
    }

    private LoadedStretch? AwaitRoom(LoadedStretch stretch)
    {
        using var _ = _meter.Time(LoaderWork.AwaitWindow);
        return _gate.When(() => Open(stretch));
    }

    private RowGroup Read(LoadedStretch stretch)
    {
        using var _ = _meter.Time(LoaderWork.Read, stretch.Remaining);
        Volatile.Write(ref _reading, stretch.RowGroup);
        var rows = _reader.Read(stretch.RowGroup, stretch.Wanted);
        Volatile.Write(ref _reading, -1);
        return rows;
    }

    private LoadedStretch? Open(LoadedStretch stretch)
    {
        // No deadlock: stretches open in the order of their first positions, and among the stretches before the one that a position
        // needs, each partition has at most one with samples still to be taken. The second stretch is for reading ahead: partitions
        // may reach the end of their row groups all at once.
        if (_stretches.Count >= 2 * _stream.Partitions.Count)
        {
            return null;
        }

        _stretches.Add(stretch);
        return stretch;
    }

    /// <summary>The stretches with samples for this worker, in the order of their first stream positions.</summary>
    private IEnumerable<LoadedStretch> Plan()
    {
        var partitions = _stream.Partitions.Select(partition => _stream.Stretches(partition).GetEnumerator()).ToList();
        var ahead = new PriorityQueue<int, long>();
        for (var i = 0; i < partitions.Count; i++)
        {
            Enqueue(i);
        }

        while (ahead.TryDequeue(out var next, out _))
        {
            var stretch = partitions[next].Current.Stretch;
            var loaded = new LoadedStretch(stretch, _stream.Held(stretch), _manifest);
            if (loaded.Remaining > 0)
            {
                yield return loaded;
            }

            Enqueue(next);
        }

        void Enqueue(int i)
        {
            if (partitions[i].MoveNext())
            {
                ahead.Enqueue(i, partitions[i].Current.Position);
            }
        }
    }
}
