using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// A thread that reads the row groups of one window after the other, each once, and keeps of them only what this worker
/// needs. In memory are at most the window in use of each corpus, and the next of one. A window goes when its last sample is
/// released.
/// </summary>
internal sealed class WindowReader : IDisposable
{
    private readonly CorpusManifest _manifest;
    private readonly ISampleStream _stream;
    private readonly WorkGate _gate;
    private readonly ThreadMeter _meter;
    private readonly CorpusReader _reader;
    private readonly Thread _thread;
    private readonly List<LoadedWindow> _windows = [];

    public WindowReader(CorpusManifest manifest, string? labelColumn, ISampleStream stream, WorkGate gate, ThreadMeter meter)
    {
        (_manifest, _stream, _gate, _meter) = (manifest, stream, gate, meter);
        _reader = new CorpusReader(manifest, labelColumn);
        _thread = new Thread(Run) { IsBackground = true, Name = "cliptrain-read" };
        _thread.Start();
    }

    /// <summary>Waits for the sample at a position; null once the work has failed or stopped.</summary>
    public EncodedSample? Get(long position)
    {
        var (corpus, place) = _stream.Schedule.At(position);
        return _gate.When(() => _windows.Find(w => w.Holds(corpus, place))?.Find(place));
    }

    /// <summary>Gives a sample back: its bytes are not used any more.</summary>
    public void Release(EncodedSample sample) => _gate.ChangeIf(() =>
    {
        sample.Window.Release();
        if (sample.Window.IsNeeded)
            return false;
        _windows.Remove(sample.Window);
        sample.Window.Dispose();
        return true;
    });

    /// <summary>Waits for the thread, which ends with the gate, and frees all.</summary>
    public void Dispose()
    {
        _thread.Join();
        foreach (var window in _windows)
            window.Dispose();
        _reader.Dispose();
    }

    private void Run()
    {
        try
        {
            foreach (var window in Plan())
            {
                if (AwaitRoom(window) is null)
                    return;
                foreach (var (group, wanted) in window.Wanted)
                {
                    var rows = Read(group, wanted);
                    _gate.Change(() => window.Add(group, rows));
                    if (_gate.IsOver)
                        return;
                }
            }
        }
        catch (Exception e)
        {
            _gate.Fail(e);
        }
    }

    private LoadedWindow? AwaitRoom(LoadedWindow window)
    {
        using var _ = _meter.Time(LoaderWork.AwaitWindow);
        return _gate.When(() => Open(window));
    }

    private RowGroup Read(int group, bool[] wanted)
    {
        using var _ = _meter.Time(LoaderWork.Read, wanted.Count(row => row));
        return _reader.Read(group, wanted);
    }

    private LoadedWindow? Open(LoadedWindow window)
    {
        // A position's window is never kept from opening: windows open in the order of their first positions, and of those
        // before it each corpus has at most one whose samples are not all taken already.
        if (_windows.Count > _stream.Schedule.Corpora)
            return null;
        _windows.Add(window);
        return window;
    }

    /// <summary>The windows that hold samples of this worker, in the order of their first positions in the stream.</summary>
    private IEnumerable<LoadedWindow> Plan()
    {
        if (_stream.MaxCount == 0)
            yield break;
        var ahead = new PriorityQueue<(int Corpus, long Position), long>();
        for (var corpus = 0; corpus < _stream.Schedule.Corpora; corpus++)
            Enqueue(corpus, _stream.Schedule.CountOf(corpus, _stream.Start));
        while (ahead.TryDequeue(out var next, out _))
        {
            var window = _stream.Window(next.Corpus, next.Position);
            if (Load(window, next.Position) is { IsNeeded: true } loaded)
                yield return loaded;
            Enqueue(next.Corpus, window.End);
        }

        void Enqueue(int corpus, long position)
        {
            if (_stream.Schedule.PositionOf(corpus, position) is var first && first < _stream.End)
                ahead.Enqueue((corpus, position), first);
        }
    }

    private LoadedWindow Load(StreamWindow window, long first)
    {
        var loaded = new LoadedWindow(window, _manifest);
        for (var position = first; position < window.End; position++)
        {
            var inStream = _stream.Schedule.PositionOf(window.Corpus, position);
            if (inStream >= _stream.End)
                break;
            if (_stream.Holds(inStream))
                loaded.Want(position);
        }

        return loaded;
    }
}
