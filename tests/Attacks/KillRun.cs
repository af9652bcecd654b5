using System.Diagnostics;
using System.Globalization;
using ClipTrain.Cli.Runs;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;
using Serilog;
using Serilog.Core;

namespace ClipTrain.Attacks;

/// <summary>
/// Kills <see cref="Victim"/>s with strace, which counts the system calls of the first thread, where the operation runs, and kills
/// the process at a chosen one.
/// </summary>
internal static class KillRun
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Kills a number of victims. Returns this program's exit code.</summary>
    public static int Run(int count, int seed, TextWriter output)
    {
        if (!HasStrace())
        {
            output.WriteLine("strace is missing, so nothing was killed. Install it, e.g. with `apt-get install strace`.");
            return 0;
        }

        var random = new Random(seed);
        var calls = Enum.GetValues<Deed>().ToDictionary(deed => deed, CallsOf);
        output.WriteLine(
            $"System calls: {string.Join(", ", calls.Select(deed => $"{deed.Key.ToString().ToLowerInvariant()} {deed.Value.Count}"))}"
        );
        var (wrong, late) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var deed = (Deed)(i % calls.Count);
            var call = calls[deed][random.Next(calls[deed].Count)];
            if (Try(deed, call, out var killed) is { } problem)
            {
                wrong++;
                output.WriteLine($"{deed}, killed at {call.Name} number {call.Number}: {problem}");
            }

            if (!killed)
            {
                late++;
            }
        }

        output.WriteLine(
            $"{count} kills ({late} after the operation): {count - wrong} continued from the newest complete state, {wrong} did not."
        );
        return wrong == 0 ? 0 : 1;
    }

    /// <summary>Kills one victim and returns the problems with the files it left.</summary>
    private static string? Try(Deed deed, SystemCall call, out bool killed)
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-kill-").FullName;
        try
        {
            var run = Path.Combine(folder, "run");
            Victim.Begin(run, deed);
            (var done, killed) = Strike(deed, folder, ["-e", $"inject={call.Name}:signal=SIGKILL:when={call.Number}", "-o", "/dev/null"]);
            return deed == Deed.Create ? FaultOfRun(run, done) : FaultOfCheckpoints(run, deed, done);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The system calls of an operation, in order. strace counts calls of each name separately.</summary>
    private static List<SystemCall> CallsOf(Deed deed)
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-kill-").FullName;
        try
        {
            Victim.Begin(Path.Combine(folder, "run"), deed);
            var log = Path.Combine(folder, "calls");
            Strike(deed, folder, ["-o", log]);
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            return
            [
                .. File.ReadLines(log)
                    .Select(line => line.Split('(')[0])
                    .Where(name => name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
                    .Select(name => new SystemCall(name, counts[name] = counts.GetValueOrDefault(name) + 1)),
            ];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>
    /// Runs a victim's operation under strace. Returns the last part that it reported as done, 0 for none, and whether it was killed.
    /// </summary>
    private static (long Done, bool Killed) Strike(Deed deed, string folder, string[] options)
    {
        using var victim = Start("dotnet", [typeof(KillRun).Assembly.Location, "victim", deed.ToString(), folder]);
        victim.StandardOutput.ReadLine();
        using var strace = Start("strace", ["-p", victim.Id.ToString(CultureInfo.InvariantCulture), .. options]);
        // It reports on standard error that it has attached.
        strace.StandardError.ReadLine();
        victim.StandardInput.WriteLine();
        var last = 0L;
        while (victim.StandardOutput.ReadLine() is { } line)
        {
            last = long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
        }

        if (!victim.WaitForExit(Limit) || !strace.WaitForExit(Limit))
        {
            throw new TimeoutException("A victim or its strace did not exit.");
        }

        return (last, victim.ExitCode != 0);
    }

    private static string? FaultOfRun(string run, long done)
    {
        var files = new RunFiles(run);
        if (done > 0 && !Directory.Exists(run))
        {
            return "the run was created but does not exist";
        }

        if (Directory.Exists(run) && !(File.Exists(files.Config) && File.Exists(files.Manifest)))
        {
            return "the run's folder exists but is incomplete";
        }

        if (!Directory.Exists(run))
        {
            Victim.Make(run);
        }

        // Creating another run beside it must not remove anything.
        Victim.Make(Path.Combine(Path.GetDirectoryName(run)!, "other"));
        return new FileInfo(files.Config).Length > 0 && new FileInfo(files.Manifest).Length == 10_000
            ? null
            : "the run has incomplete files";
    }

    private static string? FaultOfCheckpoints(string run, Deed deed, long done)
    {
        var files = new RunFiles(run);
        var damaged = new List<string>();
        using var log = new LoggerConfiguration().WriteTo.Sink(new Warnings(damaged)).CreateLogger();
        var from = new RunHistory(files, log).GoOnFrom(wanted: null);
        if (from is null || damaged.Count > 0)
        {
            return $"continues from {from?.Step.ToString(CultureInfo.InvariantCulture) ?? "nothing"}: {string.Join("; ", damaged)}";
        }

        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        var state = checkpoints.Verify(from.Step);
        var reached = deed == Deed.Write ? state.Step : state.Samples;
        if (reached < Math.Max(done, deed == Deed.Write ? 2 : 1))
        {
            return $"continues from {reached}, although {done} was reported as done";
        }

        // The next writer continues and deletes partial files.
        Victim.Write(run, from.Step + 1, samples: 9);
        checkpoints.RemoveLeftovers();
        var left = Directory.EnumerateFileSystemEntries(files.Checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        return
            left.SequenceEqual(checkpoints.Steps().Select(step => Path.GetFileName(checkpoints.PathOf(step))), StringComparer.Ordinal)
            && checkpoints.Verify(from.Step + 1).Samples == 9
            ? null
            : $"leaves {string.Join(", ", left)} behind";
    }

    private static Process Start(string program, string[] arguments) =>
        Process.Start(
            new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;

    private static bool HasStrace() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "strace")));

    /// <param name="Name">Its name.</param>
    /// <param name="Number">Number among the calls of that name, from 1.</param>
    private sealed record SystemCall(string Name, int Number);

    /// <summary>Collects warnings and errors.</summary>
    private sealed class Warnings(List<string> lines) : ILogEventSink
    {
        public void Emit(Serilog.Events.LogEvent logEvent)
        {
            if (logEvent.Level > Serilog.Events.LogEventLevel.Information)
            {
                lines.Add(logEvent.RenderMessage(CultureInfo.InvariantCulture));
            }
        }
    }
}
