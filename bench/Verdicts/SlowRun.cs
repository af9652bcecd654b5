using System.Diagnostics;
using ClipTrain.Monitoring.Runs;
using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Bench.Verdicts;

/// <summary>Short runs of a small model by <c>cliptrain train</c>, each made slow in one way.</summary>
internal sealed class SlowRun(string program, string demo, string folder)
{
    private static readonly TimeSpan s_stopped = TimeSpan.FromMilliseconds(100),
        s_look = TimeSpan.FromMilliseconds(50);

    private readonly string _runFile = DemoRun.Write(
        demo,
        folder,
        "slow",
        steps: 100,
        "evaluation: { probe_pairs: 0 }",
        "output: { tensorboard: false }"
    );
    private int _count;

    /// <summary>Trains a run to its end. Returns its verdict, as the live page shows it; null if there is none.</summary>
    public StepVerdict? Verdict(Slowdown slowdown)
    {
        var name = $"slow-{++_count}";
        string[] sets = [$"name={name}", $"output.directory={folder}", "output.page=false", .. slowdown.Sets];
        string[] train = ["dotnet", Path.GetFullPath(program), "train", _runFile, .. sets.SelectMany(set => new[] { "--set", set })];
        var command = slowdown.Strace.Length == 0 ? train : ["strace", "-f", "-qq", "-o", "/dev/null", .. slowdown.Strace, .. train];
        using var process = Process.Start(
            new ProcessStartInfo(command[0], command[1..])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var output = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var directory = Path.Combine(folder, name);
        if (slowdown.StopsAWorker)
        {
            StopByTurns(process, directory);
        }

        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{slowdown.Cause}: exit code {process.ExitCode}\n{string.Concat(output.Result)}");
        }

        var run = new WatchedRun(directory, TimeProvider.System);
        run.Read();
        return run.Verdict;
    }

    /// <summary>Stops and continues the run's last worker until the run ends.</summary>
    private static void StopByTurns(Process run, string directory)
    {
        while (!run.HasExited)
        {
            if (WorkersOf(directory) is [.., var last] workers && workers.Count > 1)
            {
                Signal("STOP", last);
                Thread.Sleep(s_stopped);
                Signal("CONT", last);
            }

            Thread.Sleep(s_look);
        }
    }

    /// <summary>Process ids of the run's workers, in order.</summary>
    private static List<int> WorkersOf(string directory)
    {
        var workers = new List<int>();
        foreach (var process in Directory.EnumerateDirectories("/proc").Select(Path.GetFileName))
        {
            if (
                int.TryParse(process, out var id)
                && Arguments(id) is var arguments
                && arguments.Contains("worker")
                && arguments.Contains(directory)
            )
            {
                workers.Add(id);
            }
        }

        return [.. workers.Order()];
    }

    private static string[] Arguments(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Split('\0');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static void Signal(string signal, int process)
    {
        using var kill = Process.Start("kill", ["-" + signal, $"{process}"]);
        kill.WaitForExit();
    }
}
