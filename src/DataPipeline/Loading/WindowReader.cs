using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// A thread that reads the row groups of one window after the other, each once, and keeps of them only what this worker
/// needs. At most two windows are in memory: the one in use and the next. A window goes when its last sample is released.
/// </summary>
internal sealed class WindowReader : IDisposable
{
    private const int MaxWindows = 2;

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
    public EncodedSample? Get(long position) =>
        _gate.When(() => _windows.Find(w => w.Start <= position && position < w.End)?.Find(position));

    /// <summary>Gives a sample back: its bytes are not used any more.</summary>
    public void Release(EncodedSample sample) => _gate.Change(() =>
    {
        if (!sample.Window.Release())
            return;
        _windows.Remove(sample.Window);
        sample.Window.Dispose();
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
                    if (_gate.When(() => Add(window, group, rows)) is null)
                    {
                        rows.Dispose();
                        return;
                    }
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
        if (_windows.Count == MaxWindows)
            return null;
        _windows.Add(window);
        return window;
    }

    private static LoadedWindow Add(LoadedWindow window, int group, RowGroup rows)
    {
        window.Add(group, rows);
        return window;
    }

    private IEnumerable<LoadedWindow> Plan()
    {
        if (_stream.MaxCount == 0)
            yield break;
        LoadedWindow? window = null;
        for (var batch = _stream.FirstBatch; batch < _stream.LastBatch; batch++)
        {
            var (start, count) = _stream.Slice(batch);
            for (var position = start; position < start + count; position++)
            {
                if (window is null || position >= window.End)
                {
                    if (window is not null)
                        yield return window;
                    window = new LoadedWindow(_stream.Window(position), _manifest);
                }

                window.Want(position);
            }
        }

        if (window is not null)
            yield return window;
    }
}
