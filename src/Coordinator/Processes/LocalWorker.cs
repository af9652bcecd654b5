using System.Diagnostics;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Processes;

/// <summary>Command line and environment of a process.</summary>
/// <param name="FileName">The program.</param>
/// <param name="Arguments">Its arguments. They must not contain secrets, since every user of the machine can read them.</param>
public sealed record WorkerLaunch(string FileName, IReadOnlyList<string> Arguments)
{
    public const string TokenVariable = "CLIPTRAIN_TOKEN",
        WorkerVariable = "CLIPTRAIN_WORKER",
        StartVariable = "CLIPTRAIN_START",
        SlotVariable = "CLIPTRAIN_SLOT";

    /// <summary>Folder to start in; null for this process's own.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Variables that are set in addition to this process's own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}

/// <summary>A worker's process to start.</summary>
/// <param name="WorkerId">The worker.</param>
/// <param name="Number">Number of the worker's process.</param>
/// <param name="Slot">The lowest number that no other process of this machine has: it selects a device.</param>
public readonly record struct WorkerStart(string WorkerId, int Number, int Slot);

/// <summary>Exit of a worker process.</summary>
public sealed record ProcessExit(int Code, IReadOnlyList<string> LastLines);

/// <summary>A worker process on this machine.</summary>
internal sealed class LocalWorker : IDisposable
{
    private const int KeptLines = 40;

    /// <summary>
    /// Prefix of libtorch's native stack frames. Only the one that C# has called is kept: there may be more than the kept lines, and the
    /// message comes before them.
    /// </summary>
    private const string NativeFrame = "frame #";

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly LastLines _errors = new(KeptLines);
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private Task? _dismissal;

    private LocalWorker(Process process, string workerId, Action<WorkerLine> onLine, TimeProvider time)
    {
        _process = process;
        _time = time;
        var output = ReadAsync(process.StandardOutput, line => onLine(new WorkerLine(workerId, IsError: false, line)));
        var errors = ReadAsync(
            process.StandardError,
            line =>
            {
                if (!line.StartsWith(NativeFrame, StringComparison.Ordinal) || CrashPlace.IsEntryFrame(line))
                {
                    _errors.Add(line);
                }

                onLine(new WorkerLine(workerId, IsError: true, line));
            }
        );
        Exit = WaitAsync(Task.WhenAll(output, errors));
    }

    /// <summary>Completes when the process has exited and its output is read.</summary>
    public Task<ProcessExit> Exit { get; }

    /// <exception cref="System.ComponentModel.Win32Exception">The program cannot be started.</exception>
    public static LocalWorker Start(WorkerLaunch launch, string workerId, Action<WorkerLine> onLine, TimeProvider time)
    {
        var start = new ProcessStartInfo(launch.FileName, launch.Arguments)
        {
            UseShellExecute = false,
            WorkingDirectory = launch.WorkingDirectory ?? "",
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Never written to: its end tells the worker that this process is gone (ParentWatch).
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in launch.Environment)
        {
            start.Environment[name] = value;
        }

        return new LocalWorker(Process.Start(start)!, workerId, onLine, time);
    }

    public void Kill() => ProcessEnd.Force(_process);

    /// <summary>
    /// Waits for the process to exit within the grace period, then closes its input and sends SIGTERM, then SIGKILL. A second call joins
    /// the first.
    /// </summary>
    public Task DismissAsync(TimeSpan grace, TimeSpan termGrace)
    {
        lock (_lock)
        {
            return _dismissal ??= RunAsync();
        }

        async Task RunAsync()
        {
            if (await EndsWithinAsync(grace))
            {
                return;
            }

            _process.StandardInput.Close();
            Posix.Terminate(_process.Id);
            if (!await EndsWithinAsync(termGrace))
            {
                Kill();
            }
        }
    }

    public void Dispose() => _process.Dispose();

    private static async Task ReadAsync(StreamReader reader, Action<string> onLine)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            onLine(line);
        }
    }

    private async Task<ProcessExit> WaitAsync(Task reading)
    {
        await _process.WaitForExitAsync();
        // A grandchild may hold the pipes open forever.
        await Task.WhenAny(reading, Task.Delay(DrainTime, _time));
        return new ProcessExit(_process.ExitCode, _errors.Snapshot());
    }

    private async Task<bool> EndsWithinAsync(TimeSpan time)
    {
        try
        {
            await Exit.WaitAsync(time, _time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}

/// <summary>The last lines of a process's output. One thread adds lines.</summary>
internal sealed class LastLines(int most)
{
    private readonly Queue<string> _lines = new();
    private readonly Lock _lock = new();

    public void Add(string line)
    {
        lock (_lock)
        {
            if (_lines.Count == most)
            {
                _lines.Dequeue();
            }

            _lines.Enqueue(line);
        }
    }

    public IReadOnlyList<string> Snapshot()
    {
        lock (_lock)
        {
            return [.. _lines];
        }
    }
}
