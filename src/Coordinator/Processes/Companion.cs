using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// A process of this machine that is started again when it ends before its time: a run's standby, or its node. It outlives
/// this one.
/// </summary>
/// <param name="name">What its lines are prefixed with.</param>
/// <param name="launch">How it is started.</param>
/// <param name="isWanted">False when the process' lock shows that an earlier one lives, or when it has nothing left to do.</param>
/// <param name="onLine">Gets every line that it prints.</param>
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

    /// <summary>
    /// Starts no other process, and waits until the one that runs has ended by itself within the grace time or was ended.
    /// </summary>
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

            // One that cannot start, as when its ports are taken, must not keep a core busy trying.
            pause = time.GetElapsedTime(started) > LongestPause ? FirstPause : pause;
            await Task.Delay(pause, time, _closing.Token);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}
