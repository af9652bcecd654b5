using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// Keeps a helper process of this machine running: a run's standby or its node. The helper survives the end of this process.
/// </summary>
/// <param name="name">Prefix of its output lines.</param>
/// <param name="launch">Command line.</param>
/// <param name="isWanted">Returns false if an earlier process still holds its lock, or there is nothing left to do.</param>
/// <param name="onLine">Receives every line that it prints.</param>
public sealed class Companion(string name, WorkerLaunch launch, Func<bool> isWanted, Action<WorkerLine> onLine, TimeProvider time)
    : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1),
        LongestPause = TimeSpan.FromSeconds(30),
        TermGrace = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _closing = new();
    private LocalWorker? _process;
    private Task _loop = Task.CompletedTask;

    public void Start() => _loop = RunAsync();

    /// <summary>Starts no further process, and ends the running one unless it exits within the grace period.</summary>
    public async Task EndAsync(TimeSpan grace)
    {
        await _closing.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_process is { } process)
        {
            await process.DismissAsync(grace, TermGrace);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync(TimeSpan.Zero);
        _process?.Dispose();
        _closing.Dispose();
    }

    private async Task RunAsync()
    {
        var pause = FirstPause;
        while (!_closing.IsCancellationRequested)
        {
            if (!isWanted())
            {
                await Task.Delay(FirstPause, time, _closing.Token);
                continue;
            }

            var started = time.GetTimestamp();
            _process?.Dispose();
            _process = LocalWorker.Start(launch, name, onLine, time);
            await _process.Exit.WaitAsync(_closing.Token);

            // A process that cannot start, for example because its ports are taken, must not keep a core busy.
            pause = time.GetElapsedTime(started) > LongestPause ? FirstPause : pause;
            await Task.Delay(pause, time, _closing.Token);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}
