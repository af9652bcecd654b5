using System.Diagnostics;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Processes;

/// <summary>How a worker process ended.</summary>
public sealed record ProcessExit(int Code, IReadOnlyList<string> LastLines);

/// <summary>One worker process of this machine.</summary>
internal sealed class LocalWorker : IDisposable
{
    private const int KeptLines = 40;

    /// <summary>
    /// How libtorch begins the lines of a native stack: there are more of them than lines are kept, and its message comes before.
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
                if (!line.StartsWith(NativeFrame, StringComparison.Ordinal))
                    _errors.Add(line);
                onLine(new WorkerLine(workerId, IsError: true, line));
            }
        );
        Exit = WaitAsync(Task.WhenAll(output, errors));
    }

    /// <summary>Ends when the process has ended and its last lines are read.</summary>
    public Task<ProcessExit> Exit { get; }

    /// <exception cref="System.ComponentModel.Win32Exception">The program cannot be started.</exception>
    public static LocalWorker Start(WorkerLaunch launch, string workerId, Action<WorkerLine> onLine, TimeProvider time)
    {
        var start = new ProcessStartInfo(launch.FileName, launch.Arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Never written to: its end tells the worker that this process has gone (ParentWatch).
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in launch.Environment)
        {
            start.Environment[name] = value;
        }

        return new LocalWorker(Process.Start(start)!, workerId, onLine, time);
    }

    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (AggregateException)
        {
            // A descendant with other rights stays; the worker itself is ended.
        }
    }

    /// <summary>
    /// Lets the process end by itself for the grace time, then asks (its input ends, SIGTERM), then ends it (SIGKILL). A
    /// second call joins the first.
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
        // A grandchild may hold the pipes open for ever.
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
