using System.Diagnostics;
using System.Globalization;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.EndToEnd.Tests;

namespace ClipTrain.Soak;

/// <summary>
/// The coordinator processes of a run: those started here, and the standbys that the run starts itself. The process that has the
/// newest segment of the ledger open hosts the run.
/// </summary>
/// <param name="run">Folder of the run.</param>
/// <param name="name">The run's name.</param>
/// <param name="command">Command and options that start a coordinator.</param>
/// <param name="violations">Receives unexpected exits.</param>
internal sealed class Coordinators(TinyRun run, string name, Func<ProcessStartInfo> command, Violations violations, TimeProvider time)
    : IAsyncDisposable
{
    /// <summary>Expected exit codes: 128 + SIGTERM after a stop at a checkpoint, 128 + SIGKILL after a kill.</summary>
    private const int Terminated = 143,
        Killed = 137;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private static readonly string[] Words = ["train", "coordinator", "standby"];

    private readonly List<Supervised> _started = [];
    private bool _isStopping;

    /// <summary>Processes started here; only the last can be alive.</summary>
    public IReadOnlyList<Supervised> Started => _started;

    /// <summary>Ids of all live processes.</summary>
    public IEnumerable<int> All => Words.SelectMany(run.Mark.Find).Distinct();

    /// <summary>Id of the process that hosts the run; null while none does.</summary>
    public int? Host
    {
        get
        {
            var ledger = run.Files(name).Ledger;
            var newest = Directory.Exists(ledger) ? Directory.GetFiles(ledger, "*.jsonl").Max(StringComparer.Ordinal) : null;
            return newest is null ? null : All.Where(process => HasOpen(process, newest)).Select(process => (int?)process).FirstOrDefault();
        }
    }

    /// <summary>Starts a coordinator, which is not restarted when it exits.</summary>
    public void Start()
    {
        var label = string.Create(CultureInfo.InvariantCulture, $"coordinator-{_started.Count + 1}");
        var process = new Supervised(label, command, exit => Ended(label, exit), run.Log(label), time);
        _started.Add(process);
        process.Start();
        process.Retire();
    }

    /// <summary>Waits until the run has a host and a standby; returns the host.</summary>
    /// <exception cref="TimeoutException">It has none within the limit.</exception>
    public async Task<int> WithStandbyAsync(TimeSpan limit)
    {
        await UntilAsync(
            () =>
                Host is not null
                && ClusterMembers.Count(run.Files(name).Directory, run.Store is { } store ? store.ActiveMembers : null) >= 2,
            limit
        );
        return Host ?? await WithStandbyAsync(limit);
    }

    /// <summary>Kills the host with SIGKILL and does not restart it.</summary>
    public async Task KillHostAsync()
    {
        if (Host is { } host)
        {
            Posix.Send(host, Posix.Kill);
            await EndAsync(host, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Kills all of them at once with SIGKILL.</summary>
    public async Task KillAllAsync()
    {
        while (All.ToList() is { Count: > 0 } left)
        {
            left.ForEach(process => Posix.Send(process, Posix.Kill));
            await Task.Delay(Look, time);
        }
    }

    /// <summary>Waits for a process to exit.</summary>
    /// <exception cref="TimeoutException">It is still running after the limit.</exception>
    public Task EndAsync(int process, TimeSpan limit) => UntilAsync(() => ProcessMark.ArgumentsOf(process).Length == 0, limit);

    /// <summary>Asks the host to stop the run at a checkpoint, and waits for all of them to exit.</summary>
    /// <exception cref="TimeoutException">One is still running after the limit.</exception>
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
            violations.Add($"{label} exited unexpectedly with code {exit}");
        }
    }

    private async Task UntilAsync(Func<bool> condition, TimeSpan limit)
    {
        for (var start = time.GetTimestamp(); !condition(); await Task.Delay(Look, time))
        {
            violations.Found.ThrowIfCancellationRequested();
            if (limit != Timeout.InfiniteTimeSpan && time.GetElapsedTime(start) > limit)
            {
                throw new TimeoutException($"the coordinators of {name} did not reach the expected state within {limit.TotalSeconds} s");
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
            // It has just exited.
            return false;
        }
    }
}
