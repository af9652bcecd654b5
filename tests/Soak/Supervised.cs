using System.Diagnostics;

namespace ClipTrain.Soak;

/// <summary>A process that is restarted whenever it exits, as by a cluster's supervisor, until it is retired.</summary>
internal sealed class Supervised : IAsyncDisposable
{
    private const int KeptLines = 60;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private readonly Func<ProcessStartInfo> _start;
    private readonly Action<int> _ended;
    private readonly Queue<string> _lines = [];
    private readonly StreamWriter _log;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private Process? _process;
    private Task _life = Task.CompletedTask;
    private bool _isKilled,
        _isRetired;

    /// <param name="name">Name in reports.</param>
    /// <param name="start">Command that starts it.</param>
    /// <param name="ended">Receives the exit code whenever it exits without having been killed here.</param>
    /// <param name="log">File that receives its output.</param>
    public Supervised(string name, Func<ProcessStartInfo> start, Action<int> ended, string log, TimeProvider time)
    {
        (Name, _start, _ended, _time) = (name, start, ended, time);
        _log = new StreamWriter(log) { AutoFlush = true };
    }

    public string Name { get; }

    /// <summary>The last lines of its output.</summary>
    public IReadOnlyList<string> LastLines
    {
        get
        {
            lock (_lock)
            {
                return [.. _lines];
            }
        }
    }

    public void Start() => _life = LiveAsync();

    /// <summary>Kills the process with SIGKILL and waits for its exit. It is then restarted.</summary>
    public async Task KillAsync()
    {
        Task ended;
        lock (_lock)
        {
            if (_process is not { HasExited: false } process)
            {
                return;
            }

            _isKilled = true;
            ended = process.WaitForExitAsync();
            Posix.Send(process.Id, Posix.Kill);
        }

        await ended;
    }

    /// <summary>Sends a signal to the process if it is alive.</summary>
    public void Signal(int signal)
    {
        lock (_lock)
        {
            if (_process is { HasExited: false } process)
            {
                Posix.Send(process.Id, signal);
            }
        }
    }

    /// <summary>Stops restarting: the next exit is final.</summary>
    public void Retire()
    {
        lock (_lock)
        {
            _isRetired = true;
        }
    }

    /// <summary>Waits for the retired process to exit.</summary>
    /// <exception cref="TimeoutException">It is still running after the limit.</exception>
    public Task EndAsync(TimeSpan limit) => _life.WaitAsync(limit);

    public async ValueTask DisposeAsync()
    {
        Retire();
        await KillAsync();
        await _life;
        await _log.DisposeAsync();
    }

    private async Task LiveAsync()
    {
        do
        {
            Process process;
            lock (_lock)
            {
                _isKilled = false;
                process = _process = Process.Start(_start())!;
            }

            Print($"== process {process.Id}");
            process.OutputDataReceived += (_, line) => Print(line.Data);
            process.ErrorDataReceived += (_, line) => Print(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            await process.WaitForExitAsync();
            Print(_isKilled ? "== killed" : $"== exit code {process.ExitCode}");
            if (!_isKilled)
            {
                _ended(process.ExitCode);
            }

            lock (_lock)
            {
                _process = null;
            }

            process.Dispose();
            if (!_isRetired)
            {
                await Task.Delay(Pause, _time);
            }
        } while (!_isRetired);
    }

    private void Print(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lock)
        {
            var stamped = $"{_time.GetUtcNow():HH:mm:ss.fff} {line}";
            _lines.Enqueue(stamped);
            if (_lines.Count > KeptLines)
            {
                _lines.Dequeue();
            }

            _log.WriteLine(stamped);
        }
    }
}
