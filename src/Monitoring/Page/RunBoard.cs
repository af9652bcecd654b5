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

    /// <param name="directories">Returns the runs' directories; called at each read, since runs come and go.</param>
    /// <param name="time">Clock for the interval.</param>
    public RunBoard(Func<IReadOnlyList<string>> directories, TimeProvider time)
    {
        (_directories, _time) = (directories, time);
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

    /// <summary>Follows the runs: messages for a page until it disconnects.</summary>
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

            var message = PageJson.Of(news);
            foreach (var page in _pages)
            {
                page.Writer.TryWrite(message);
            }
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
            lock (_lock)
            {
                if (_pages.Count > 0)
                {
                    Read();
                }
            }
        }
    }
}
