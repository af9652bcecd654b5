using System.Threading.Channels;
using ClipTrain.Monitoring.Runs;

namespace ClipTrain.Monitoring.Page;

/// <summary>
/// The runs that pages show, read every second while a page follows them, and otherwise on request. News is serialized once and sent to
/// all pages. A page that does not keep up loses messages, detects that by their numbers, and reloads the series.
/// </summary>
public sealed class RunBoard : IAsyncDisposable
{
    private const int PendingMessages = 16;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    private readonly Func<IReadOnlyList<string>> _directories;
    private readonly TimeProvider _time;
    private readonly SortedDictionary<string, WatchedRun> _runs = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly HashSet<Channel<string>> _pages = [];
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _reading;
    private readonly ISweepSource? _source;
    private readonly Lock _sweepLock = new();
    private IReadOnlyList<SweepView> _sweeps = [];

    /// <param name="directories">Returns the runs' directories; called at each read, since runs come and go.</param>
    /// <param name="time">Clock for the interval.</param>
    /// <param name="sweeps">The sweeps that pages show; null for none.</param>
    public RunBoard(Func<IReadOnlyList<string>> directories, TimeProvider time, ISweepSource? sweeps = null)
    {
        (_directories, _time, _source) = (directories, time, sweeps);
        Read();
        _reading = Task.Run(ReadOnAsync);
    }

    /// <summary>Reads the runs and applies a function to them.</summary>
    public T Look<T>(Func<IReadOnlyDictionary<string, WatchedRun>, T> look)
    {
        lock (_lock)
        {
            ReadIfAlone();
            return look(_runs);
        }
    }

    /// <summary>Applies a function to a run; returns the default if there is no such run.</summary>
    public T? Look<T>(string run, Func<WatchedRun, T> look)
    {
        lock (_lock)
        {
            ReadIfAlone();
            return _runs.TryGetValue(run, out var found) ? look(found) : default;
        }
    }

    /// <summary>The sweeps as they are now.</summary>
    public IReadOnlyList<SweepView> Sweeps()
    {
        // Fitting a law takes longer than reading runs, which goes on meanwhile.
        lock (_sweepLock)
        {
            return _sweeps = _source?.Read() ?? [];
        }
    }

    /// <summary>Follows the runs and sweeps: messages for a page until it disconnects.</summary>
    public async IAsyncEnumerable<string> FollowAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation
    )
    {
        var messages = Channel.CreateBounded<string>(
            new BoundedChannelOptions(PendingMessages) { FullMode = BoundedChannelFullMode.DropOldest }
        );
        lock (_lock)
        {
            _pages.Add(messages);
        }

        try
        {
            await foreach (var message in messages.Reader.ReadAllAsync(cancellation))
            {
                yield return message;
            }
        }
        finally
        {
            lock (_lock)
            {
                _pages.Remove(messages);
            }
        }
    }

    /// <summary>Reads new data from the runs' files and sends it to the pages.</summary>
    public void Read()
    {
        lock (_lock)
        {
            foreach (var directory in _directories().Where(_known.Add))
            {
                var run = new WatchedRun(directory, _time);
                // Runs of the same name in different folders are identified by their folders.
                _runs.Add(_runs.ContainsKey(run.Name) ? directory : run.Name, run);
            }

            RunNews[] news = [.. _runs.Select(run => run.Value.Read() with { Run = run.Key }).Where(news => !news.IsEmpty)];
            if (news.Length == 0 || _pages.Count == 0)
            {
                return;
            }

            Send(PageJson.Of(news));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        lock (_lock)
        {
            foreach (var page in _pages)
            {
                page.Writer.TryComplete();
            }
        }
    }

    /// <summary>Tells the pages to load the sweeps again if they have changed.</summary>
    internal void ReadSweeps()
    {
        var before = _sweeps;
        if (!ReferenceEquals(Sweeps(), before))
        {
            lock (_lock)
            {
                Send(PageJson.Of(new { Sweeps = true }));
            }
        }
    }

    private void Send(string message)
    {
        foreach (var page in _pages)
        {
            page.Writer.TryWrite(message);
        }
    }

    /// <summary>Reads the runs on request while no page follows them.</summary>
    private void ReadIfAlone()
    {
        if (_pages.Count == 0)
        {
            Read();
        }
    }

    private async Task ReadOnAsync()
    {
        using var timer = new PeriodicTimer(s_interval, _time);
        while (await timer.WaitForNextTickAsync(_stop.Token))
        {
            bool isFollowed;
            lock (_lock)
            {
                isFollowed = _pages.Count > 0;
                if (isFollowed)
                {
                    Read();
                }
            }

            if (isFollowed && _source is not null)
            {
                ReadSweeps();
            }
        }
    }
}
