using System.Text;
using ClipTrain.Monitoring.Series;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Shows the log of a run that another process hosts: its last lines, then each new one. After a takeover the process that a supervisor
/// reads is not the one that logs.
/// </summary>
internal sealed class LogFollower : IAsyncDisposable
{
    /// <summary>Number of lines to show of what was logged before.</summary>
    private const int LastLines = 20;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5);

    private readonly TailedFile _file;
    private readonly TextWriter _output;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _following;

    private LogFollower(string file, TextWriter output, TimeProvider time)
    {
        (_file, _output) = (new TailedFile(file), output);
        Show(Read().TakeLast(LastLines));
        _following = FollowAsync(time);
    }

    public static LogFollower Start(string file, TextWriter output, TimeProvider time) => new(file, output, time);

    /// <summary>Shows what is left, and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _following;
        Show(Read());
        _stop.Dispose();
    }

    private async Task FollowAsync(TimeProvider time)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                Show(Read());
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private List<string> Read()
    {
        var lines = new List<string>();
        _file.Read(() => { }, (line, _) => lines.Add(Encoding.UTF8.GetString(line.Span)));
        return lines;
    }

    private void Show(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            _output.WriteLine(line);
        }

        _output.Flush();
    }
}
