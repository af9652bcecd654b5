using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace ClipTrain.Fuzz;

/// <summary>
/// Reads damaged files in child processes. A child that crashes, hangs or leaks is a violation; the next child continues after the
/// file that caused it.
/// </summary>
public static class FuzzRun
{
    /// <summary>Files per child; a new child starts with clean memory.</summary>
    private const long ChildFiles = 2000;

    /// <summary>Enough for an image of the largest accepted size, decoded and as RGBX, and the runtime.</summary>
    private const long MemoryLimit = 2L << 30;

    /// <summary>Caches fill during a child's first files; after them memory must not grow.</summary>
    private const int WarmUpReports = 5;

    private const long LeakLimit = 128L << 20;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(20),
        HangLimit = TimeSpan.FromMinutes(5);

    /// <summary>Tries files [0, mutations) of a seed in several processes at once.</summary>
    public static FuzzReport Run(long mutations, ulong seed, int jobs)
    {
        var report = new FuzzReport();
        var parts = Enumerable.Range(0, (int)((mutations + ChildFiles - 1) / ChildFiles)).Select(i => i * ChildFiles);
        Parallel.ForEach(
            parts,
            new ParallelOptions { MaxDegreeOfParallelism = jobs },
            first =>
            {
                var end = Math.Min(mutations, first + ChildFiles);
                var next = first;
                while (next < end)
                {
                    next = RunChild(report, seed, next, end);
                }
            }
        );
        return report;
    }

    /// <summary>Runs a child; returns the first file that has not been tried.</summary>
    private static long RunChild(FuzzReport report, ulong seed, long first, long end)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in new[] { typeof(FuzzRun).Assembly.Location, "child", Text((long)seed), Text(first), Text(end) })
        {
            start.ArgumentList.Add(argument);
        }

        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync();
        var current = first - 1;
        var memory = new List<long>();
        while (true)
        {
            var line = ReadLine(child, out var problem);
            if (problem is not null)
            {
                child.Kill();
                lock (report)
                {
                    report.AddViolation($"file {current} of seed {seed}: {problem}");
                }

                return Math.Max(current, first) + 1;
            }

            if (line is null)
            {
                break;
            }

            var words = line.Split('\t');
            var (kind, number) = (words[0].Split(' ')[0], long.Parse(words[0].Split(' ')[1], CultureInfo.InvariantCulture));
            if (kind == "begin")
            {
                current = number;
            }
            else if (kind == "memory")
            {
                memory.Add(number);
            }
            else if (kind == "peak")
            {
                if (AddPeak(report, number) is { } excess)
                {
                    child.Kill();
                    lock (report)
                    {
                        report.Violations.Add($"file {current} of seed {seed}: {excess}");
                    }

                    return current + 1;
                }
            }
            else
            {
                Add(report, words[1..]);
            }
        }

        child.WaitForExit();
        lock (report)
        {
            if (child.ExitCode != 0)
            {
                report.AddViolation($"file {current} of seed {seed}: exit {child.ExitCode}: {FirstLine(errors.Result)}");
                return Math.Max(current, first) + 1;
            }

            if (memory.Count > WarmUpReports && memory[^1] - memory[WarmUpReports] > LeakLimit)
            {
                report.Violations.Add($"files {first} to {end} of seed {seed}: {(memory[^1] - memory[WarmUpReports]) >> 20} MiB leaked");
            }
        }

        return end;
    }

    private static void Add(FuzzReport report, IReadOnlyList<string> reasons)
    {
        lock (report)
        {
            report.Add(reasons);
        }
    }

    /// <summary>Notes the most memory of a child; returns the problem if that is beyond the limit.</summary>
    private static string? AddPeak(FuzzReport report, long bytes)
    {
        lock (report)
        {
            report.PeakMemory = Math.Max(report.PeakMemory, bytes);
        }

        return bytes > MemoryLimit ? $"{bytes >> 20} MiB at its peak, more than {MemoryLimit >> 20} MiB" : null;
    }

    /// <summary>
    /// The child's next line, null at its end; while it is awaited, time and memory are watched. Time is the child's processor time, so
    /// that a busy machine makes no file slow; a child that waits for ever uses none.
    /// </summary>
    private static string? ReadLine(Process child, out string? problem)
    {
        problem = null;
        var reading = child.StandardOutput.ReadLineAsync();
        var (started, used) = (Stopwatch.GetTimestamp(), OfLiving(child, process => process.TotalProcessorTime));
        while (!reading.Wait(TimeSpan.FromMilliseconds(100)))
        {
            child.Refresh();
            if (OfLiving(child, process => process.WorkingSet64) > MemoryLimit)
            {
                problem = $"more than {MemoryLimit >> 20} MiB";
            }
            else if (
                OfLiving(child, process => process.TotalProcessorTime) - used > TimeLimit
                || Stopwatch.GetElapsedTime(started) > HangLimit
            )
            {
                problem = $"no answer within {TimeLimit.TotalSeconds:0} s of processor time or {HangLimit.TotalSeconds:0} s";
            }

            if (problem is not null)
            {
                return null;
            }
        }

        return reading.Result;
    }

    /// <summary>A figure of a child that lives; the default once it has ended, which may be at any moment.</summary>
    private static T OfLiving<T>(Process child, Func<Process, T> figure)
        where T : struct
    {
        try
        {
            return figure(child);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception)
        {
            // Its output ends with it.
            return default;
        }
    }

    private static string FirstLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "no message";

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
