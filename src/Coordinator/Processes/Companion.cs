using System.ComponentModel;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// Keeps a helper process of this machine running: a run's standby or its node. The helper survives the end of this process
/// unless it watches its input, which ends then.
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

    /// <summary>
    /// Time after which a start has come to something. A helper that cannot reach its coordinator gives up after 30 s and the time that
    /// its own start takes.
    /// </summary>
    private static readonly TimeSpan Fruitful = TimeSpan.FromMinutes(2);

    /// <summary>Number of starts in a row that came to nothing before the helper counts as unable to run.</summary>
    private const int FruitlessStarts = 5;

    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<string> _failing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LocalWorker? _process;
    private Task _loop = Task.CompletedTask;

    /// <summary>Completes, with the last error that it printed, once the helper has failed soon after each of several starts.</summary>
    public Task<string> Failing => _failing.Task;

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
        var (pause, fruitless) = (FirstPause, 0);
        while (!_closing.IsCancellationRequested)
        {
            var started = time.GetTimestamp();
            var exit = await RunOnceAsync();
            if (exit is null || time.GetElapsedTime(started) > Fruitful)
            {
                (pause, fruitless) = (FirstPause, 0);
            }
            else if (exit.Code != 0 && ++fruitless == FruitlessStarts)
            {
                _failing.TrySetResult(exit.LastLines.LastOrDefault() ?? $"exit code {exit.Code}");
            }

            // A process that cannot start, for example because its ports are taken, must not keep a core busy.
            await Task.Delay(pause, time, _closing.Token);
            if (exit is not null)
            {
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    /// <summary>Runs the process once; null if it is not wanted.</summary>
    private async Task<ProcessExit?> RunOnceAsync()
    {
        try
        {
            if (!isWanted())
            {
                return null;
            }

            _process?.Dispose();
            _process = LocalWorker.Start(launch, name, onLine, time);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or Win32Exception or CoordinatorStartException)
        {
            onLine(new WorkerLine(name, IsError: true, error.Message));
            return new ProcessExit(LocalWorkers.CannotStart, [error.Message]);
        }

        return await _process.Exit.WaitAsync(_closing.Token);
    }
}
