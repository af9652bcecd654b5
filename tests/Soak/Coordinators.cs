using System.Diagnostics;
using System.Globalization;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.EndToEnd.Tests;

namespace ClipTrain.Soak;

/// <summary>
/// The coordinator processes of a run: the one that was started here, and the standbys that the run starts for itself. Whoever
/// has the newest segment of the ledger open hosts the run.
/// </summary>
/// <param name="run">Where they run.</param>
/// <param name="name">The run's name.</param>
/// <param name="command">How the first is started: the program's command and its options.</param>
/// <param name="violations">Get an end that nobody asked for.</param>
internal sealed class Coordinators(TinyRun run, string name, Func<ProcessStartInfo> command, Violations violations, TimeProvider time)
    : IAsyncDisposable
{
    /// <summary>128 + SIGTERM: stopped at a checkpoint. 128 + SIGKILL: killed from here.</summary>
    private const int Terminated = 143,
        Killed = 137;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private static readonly string[] Words = ["train", "coordinator", "standby"];

    private readonly List<Supervised> _started = [];
    private bool _isStopping;

    /// <summary>Those that were started from here, the last of which may live.</summary>
    public IReadOnlyList<Supervised> Started => _started;

    /// <summary>Process ids of all that live.</summary>
    public IEnumerable<int> All => Words.SelectMany(run.Mark.Find).Distinct();

    /// <summary>Process id of the one that hosts the run; null while none does.</summary>
    public int? Host
    {
        get
        {
            var ledger = run.Files(name).Ledger;
            var newest = Directory.Exists(ledger) ? Directory.GetFiles(ledger, "*.jsonl").Max(StringComparer.Ordinal) : null;
            return newest is null ? null : All.Where(process => HasOpen(process, newest)).Select(process => (int?)process).FirstOrDefault();
        }
    }

    /// <summary>Starts one. It is not started again when it ends.</summary>
    public void Start()
    {
        var label = string.Create(CultureInfo.InvariantCulture, $"coordinator-{_started.Count + 1}");
        var process = new Supervised(label, command, exit => Ended(label, exit), run.Log(label), time);
        _started.Add(process);
        process.Start();
        process.Retire();
    }

    /// <summary>Returns the host when there is one, and a standby besides.</summary>
    /// <exception cref="TimeoutException">There is none within the limit.</exception>
    public async Task<int> WithStandbyAsync(TimeSpan limit)
    {
        await UntilAsync(() => Host is not null && ClusterMembers.Count(run.Files(name).Directory) >= 2, limit);
        return Host ?? await WithStandbyAsync(limit);
    }

    /// <summary>kill -9 of the host, which is left dead.</summary>
    public async Task KillHostAsync()
    {
        if (Host is { } host)
        {
            Posix.Send(host, Posix.Kill);
            await EndAsync(host, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>kill -9 of all at once.</summary>
    public async Task KillAllAsync()
    {
        while (All.ToList() is { Count: > 0 } left)
        {
            left.ForEach(process => Posix.Send(process, Posix.Kill));
            await Task.Delay(Look, time);
        }
    }

    /// <summary>Returns when a process has ended.</summary>
    /// <exception cref="TimeoutException">It did not within the limit.</exception>
    public Task EndAsync(int process, TimeSpan limit) => UntilAsync(() => ProcessMark.ArgumentsOf(process).Length == 0, limit);

    /// <summary>Asks the host to stop the run at a checkpoint; returns when all have ended.</summary>
    /// <exception cref="TimeoutException">They did not within the limit.</exception>
    public async Task StopAsync(TimeSpan limit)
    {
        await UntilAsync(() => Host is not null, limit);
        _isStopping = true;
        Posix.Send(Host!.Value, Posix.Terminate);
        await UntilAsync(() => !All.Any(), limit);
        await Task.WhenAll(_started.Select(process => process.EndAsync(limit)));
    }

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        await KillAllAsync();
        foreach (var process in _started)
        {
            await process.DisposeAsync();
        }
    }

    private void Ended(string label, int exit)
    {
        if (exit != Killed && exit != DeclaredDead.ExitCode && !(_isStopping && exit == Terminated))
        {
            violations.Add($"{label} ended by itself with exit code {exit}");
        }
    }

    private async Task UntilAsync(Func<bool> condition, TimeSpan limit)
    {
        for (var start = time.GetTimestamp(); !condition(); await Task.Delay(Look, time))
        {
            violations.Found.ThrowIfCancellationRequested();
            if (limit != Timeout.InfiniteTimeSpan && time.GetElapsedTime(start) > limit)
            {
                throw new TimeoutException($"the coordinators of {name} did not come to what was expected within {limit.TotalSeconds} s");
            }
        }
    }

    private static bool HasOpen(int process, string path)
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{process}/fd").Any(file => new FileInfo(file).LinkTarget == path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It has just ended.
            return false;
        }
    }
}
