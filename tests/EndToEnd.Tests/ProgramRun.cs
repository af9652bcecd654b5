using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>The <c>cliptrain</c> program in a separate process, as a user runs it.</summary>
internal sealed partial class ProgramRun : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20),
        Pause = TimeSpan.FromMilliseconds(100);
    private readonly Process _process;
    private readonly ProcessMark _mark = new();
    private readonly StringBuilder _output = new();
    private readonly List<(Func<string, bool> IsPrinted, TaskCompletionSource Seen)> _awaited = [];
    private readonly Lock _lock = new();

    private ProgramRun(string folder, string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        _mark.Put(start);
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Add(line.Data);
        _process.ErrorDataReceived += (_, line) => Add(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int ProcessId => _process.Id;

    public string Output
    {
        get
        {
            lock (_lock)
            {
                return _output.ToString();
            }
        }
    }

    public static ProgramRun Start(string folder, params string[] arguments) => StartBy([], folder, arguments);

    /// <summary>
    /// Starts the program through a wrapper command that replaces itself with the program. A shell starts background jobs with SIGINT
    /// ignored, which all descendants inherit: the program gets the default back, as at a terminal.
    /// </summary>
    public static ProgramRun StartBy(string[] by, string folder, params string[] arguments) =>
        new(
            folder,
            [
                .. by,
                "env",
                "--default-signal=INT",
                "dotnet",
                Path.Combine(AppContext.BaseDirectory, "program", "cliptrain.dll"),
                .. arguments,
            ]
        );

    /// <summary>Starts a command that runs the program.</summary>
    public static ProgramRun StartCommand(string folder, params string[] command) => new(folder, command);

    /// <summary>Runs to the end. Returns the exit code and the complete output, with a line for a non-zero code.</summary>
    public static (int ExitCode, string Output) Finish(string folder, params string[] arguments)
    {
        using var run = Start(folder, arguments);
        var exit = run.WaitForExit();
        return (exit, exit == 0 ? run.Output : $"{run.Output}\n(exit code {exit})");
    }

    /// <summary>Returns a currently free loopback port.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Completes when the program has printed a text; a failure shows what it printed instead.</summary>
    /// <param name="text">Part of a line.</param>
    /// <param name="after">Text that comes before it.</param>
    public async Task Printed(string text, string after = "")
    {
        bool IsPrinted(string output) =>
            output.IndexOf(after, StringComparison.Ordinal) is >= 0 and var from
            && output.IndexOf(text, from, StringComparison.Ordinal) >= 0;
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (IsPrinted(_output.ToString()))
            {
                return;
            }

            _awaited.Add((IsPrinted, seen));
        }

        await Task.WhenAny(seen.Task, _process.WaitForExitAsync(), Task.Delay(Limit));
        Assert.True(seen.Task.IsCompleted, $"The program {State} without printing '{text}'. It printed:\n{Output}");
    }

    /// <summary>Sends SIGUSR1, which .NET's PosixSignal does not define.</summary>
    public void SignalUsr1() => Assert.Equal(0, Kill(_process.Id, 10));

    public void Signal(PosixSignal signal) => Assert.Equal(0, Kill(_process.Id, signal == PosixSignal.SIGINT ? 2 : 15));

    /// <summary>Kills the program.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Kills the program and everything that it has started.</summary>
    public void KillAll()
    {
        while (_mark.Processes.ToList() is { Count: > 0 } left)
        {
            left.ForEach(Kill);
        }
    }

    /// <summary>Ids of the processes of this program with a word among their arguments.</summary>
    public IReadOnlyList<int> Find(string word) => _mark.Find(word);

    /// <summary>Kills one of the run's worker processes.</summary>
    public void KillWorker() => Kill(_mark.Find("worker")[0]);

    /// <summary>Kills the process that hosts a trial of this node, and no other.</summary>
    public void KillTrial() => Kill(_mark.Find("train").Single());

    /// <summary>Kills the coordinator that a script has started.</summary>
    public void KillCoordinator() => Kill(_mark.Find("coordinator").Single(id => ProcessMark.ArgumentsOf(id)[0] == "dotnet"));

    /// <summary>
    /// Aborts one of the run's worker processes, as an uncaught C++ exception does. .NET handles the first signal
    /// itself.
    /// </summary>
    public async Task AbortWorker()
    {
        for (var worker = _mark.Find("worker")[0]; _mark.Find("worker").Contains(worker); await Task.Delay(Pause))
        {
            _ = Kill(worker, 6);
        }
    }

    /// <summary>Kills the program and its standby, so that no process can take over the run.</summary>
    public void KillWithStandby()
    {
        // Kill the standby first, or it would take over the run.
        Kill();
        foreach (var standby in _mark.Find("standby"))
        {
            Kill(standby);
        }
    }

    /// <summary>Suspends the standby, which holds its connections but answers nobody.</summary>
    public void SuspendStandby() => SignalStandby(19);

    public void ResumeStandby() => SignalStandby(18);

    /// <summary>Completes when a process hosts a run or is about to.</summary>
    public async Task Locks(string runDirectory)
    {
        for (
            var start = TimeProvider.System.GetTimestamp();
            !RunLock.IsHeld(Path.Combine(runDirectory, "coordinator.lock"));
            await Task.Delay(Pause)
        )
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Limit, $"No coordinator has locked the run.\n{Output}");
        }
    }

    /// <summary>Completes when a run has a checkpoint, of any step: on a crowded machine the first ones may be gone already.</summary>
    public async Task WritesCheckpoint(string runDirectory)
    {
        var checkpoints = Path.Combine(runDirectory, "checkpoints");
        bool Exists() => Directory.Exists(checkpoints) && Directory.EnumerateDirectories(checkpoints, "step-????????").Any();
        for (var start = TimeProvider.System.GetTimestamp(); !Exists(); await Task.Delay(Pause))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Limit, $"{checkpoints} has no checkpoint.\n{Output}");
        }
    }

    /// <summary>Completes when a run's cluster has the given number of coordinator processes, including standbys.</summary>
    public async Task StandsBy(string runDirectory, int processes = 2)
    {
        for (var start = TimeProvider.System.GetTimestamp(); ClusterMembers.Count(runDirectory) < processes; await Task.Delay(Pause))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Limit, $"No standby has joined.\n{Output}");
        }
    }

    public int WaitForExit()
    {
        Assert.True(_process.WaitForExit(Limit), $"The program did not end. It printed:\n{Output}");
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>Waits for the exit and asserts its code; a failure shows the complete output.</summary>
    public void AssertExit(int expected)
    {
        var exit = WaitForExit();
        Assert.True(exit == expected, $"The program ended with exit code {exit}, not {expected}. It printed:\n{Output}");
    }

    public void Dispose()
    {
        // Nodes and standbys survive the program.
        KillAll();
        _process.Dispose();
    }

    private string State => _process.HasExited ? $"ended with exit code {_process.ExitCode}" : $"ran for {Limit.TotalMinutes} minutes";

    private void SignalStandby(int signal)
    {
        foreach (var standby in _mark.Find("standby"))
        {
            Assert.Equal(0, Kill(standby, signal));
        }
    }

    private static void Kill(int process) => _ = Kill(process, 9);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    private void Add(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lock)
        {
            _output.AppendLine(line);
            var output = _awaited.Count == 0 ? "" : _output.ToString();
            foreach (var (_, seen) in _awaited.Where(awaited => awaited.IsPrinted(output)))
            {
                seen.TrySetResult();
            }
        }
    }
}
