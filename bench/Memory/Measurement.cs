using System.Diagnostics;
using System.Globalization;
using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

namespace ClipTrain.Bench.Memory;

/// <summary>
/// Time and memory of a piece of work, measured in its own process so that the peak of resident memory is its own.
/// </summary>
/// <param name="Seconds">Wall time.</param>
/// <param name="Before">Resident bytes before the work, including its inputs.</param>
/// <param name="Peak">Peak resident bytes.</param>
internal sealed record Measurement(double Seconds, long Before, long Peak)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(30);

    /// <summary>Peak bytes in addition to the inputs.</summary>
    public long Added => Peak - Before;

    /// <summary>Times work in this process.</summary>
    public static Measurement Of(Action work)
    {
        GC.Collect();
        var before = Resident("VmRSS");
        var started = Stopwatch.GetTimestamp();
        work();
        return new Measurement(Stopwatch.GetElapsedTime(started).TotalSeconds, before, Resident("VmHWM"));
    }

    /// <summary>Memory held by work that reports its own time, instead of the peak.</summary>
    public static Measurement Held(Action<Action<double>> work)
    {
        GC.Collect();
        var before = Resident("VmRSS");
        Measurement? result = null;
        work(seconds => result = new Measurement(seconds, before, Resident("VmRSS")));
        return result!;
    }

    /// <summary>
    /// Runs this program's <c>child</c> command in one process per rank; returns the maximum of each number.
    /// </summary>
    public static Measurement InProcesses(int ranks, params string[] arguments)
    {
        var meeting = Directory.CreateTempSubdirectory("cliptrain-bench");
        var processes = Enumerable
            .Range(0, ranks)
            .Select(rank =>
                Process.Start(
                    new ProcessStartInfo(Environment.ProcessPath!, ["child", $"{rank}", $"{ranks}", meeting.FullName, .. arguments])
                    {
                        RedirectStandardOutput = true,
                        UseShellExecute = false,
                    }
                )!
            )
            .ToArray();
        var results = processes
            .Select(process =>
            {
                using (process)
                {
                    var output = process.StandardOutput.ReadToEnd();
                    process.WaitForExit();
                    return process.ExitCode == 0
                        ? Parse(output)
                        : throw new InvalidOperationException(
                            $"'{string.Join(' ', arguments)}' exited with code {process.ExitCode}; is it out of memory?"
                        );
                }
            })
            .ToArray();
        meeting.Delete(recursive: true);
        return new Measurement(
            results.Max(result => result.Seconds),
            results.Max(result => result.Before),
            results.Max(result => result.Peak)
        );
    }

    /// <summary>A child's rank and world size.</summary>
    public static RankGroup Join(int rank, int ranks, string meeting) =>
        ranks == 1
            ? new RankGroup()
            : new RankGroup(ProcessGroup.Gloo(new FolderStore(meeting), rank, ranks, "127.0.0.1", Timeout), rank, ranks);

    /// <summary>Output of a child for its parent.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Seconds} {Before} {Peak}");

    private static Measurement Parse(string line)
    {
        var fields = line.Split(' ');
        return new Measurement(
            double.Parse(fields[0], CultureInfo.InvariantCulture),
            long.Parse(fields[1], CultureInfo.InvariantCulture),
            long.Parse(fields[2], CultureInfo.InvariantCulture)
        );
    }

    /// <summary>Resident bytes of this process that no file backs.</summary>
    public static long Private() => Resident("RssAnon");

    private static long Resident(string field)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
    }
}
