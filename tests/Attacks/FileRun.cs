using System.Diagnostics;
using System.Globalization;

namespace ClipTrain.Attacks;

/// <summary>Passes hostile files to the program and checks its output, time and memory.</summary>
internal static class FileRun
{
    private const long MemoryLimit = 2L << 30;

    /// <summary>The kernel's clock ticks per second.</summary>
    private const double TicksPerSecond = 100;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10),
        Hang = TimeSpan.FromMinutes(2),
        Look = TimeSpan.FromMilliseconds(10);

    /// <summary>Runs all attacks. Returns this program's exit code.</summary>
    public static int Run(string program, TextWriter output)
    {
        using var corpus = new EndToEnd.Tests.TinyCorpus();
        var (count, wrong, longest, most) = (0, 0, TimeSpan.Zero, 0L);
        foreach (var file in new HostileFiles(corpus).All())
        {
            var end = Give(program, corpus.Folder, file);
            var problem = FaultOf(file, end);
            output.WriteLine(
                $"{(problem is null ? "ok" : "WRONG")}  {file.Name}: exit {end.ExitCode}, {end.Time.TotalSeconds:0.0} s, "
                    + $"{end.Memory >> 20} MiB: {problem ?? Line(end.Output, file.Says)}"
            );
            count++;
            wrong += problem is null ? 0 : 1;
            longest = end.Time > longest ? end.Time : longest;
            most = Math.Max(most, end.Memory);
        }

        output.WriteLine(
            $"{count} hostile files: {count - wrong} rejected or counted by name, {wrong} not; at most {longest.TotalSeconds:0.0} s of "
                + $"CPU time and {most >> 20} MiB."
        );
        return wrong == 0 ? 0 : 1;
    }

    private static string? FaultOf(HostileFile file, Ending end)
    {
        if (end.ExitCode is null)
        {
            return $"still running after {Hang.TotalSeconds:0} s";
        }

        if (end.Output.Contains("   at ", StringComparison.Ordinal) || end.ExitCode is 1 or > 128)
        {
            return $"internal error: {end.Output}";
        }

        if (end.Time > TimeLimit || end.Memory > MemoryLimit)
        {
            return "too much time or memory";
        }

        return Line(end.Output, file.Says) is null ? $"\"{file.Says}\" is missing from the output: {end.Output}" : null;
    }

    private static string? Line(string output, string text) =>
        output.ReplaceLineEndings(" ") is var line && line.Contains(text, StringComparison.Ordinal)
            ? line.Trim()[..Math.Min(160, line.Trim().Length)]
            : null;

    private static Ending Give(string program, string folder, HostileFile file)
    {
        using var process = Process.Start(
            new ProcessStartInfo("dotnet", [program, .. file.Arguments])
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var (said, complained) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var (started, time, memory) = (Stopwatch.GetTimestamp(), TimeSpan.Zero, 0L);
        while (!process.WaitForExit(Look))
        {
            (time, memory) = Taken(process.Id) ?? (time, memory);
            if (Stopwatch.GetElapsedTime(started) > Hang || memory > 2 * MemoryLimit)
            {
                process.Kill(entireProcessTree: true);
                return new Ending(null, "", time, memory);
            }
        }

        return new Ending(process.ExitCode, said.Result + complained.Result, time, memory);
    }

    /// <summary>CPU time and peak memory of a process so far; null once it has exited.</summary>
    private static (TimeSpan Time, long Memory)? Taken(int process)
    {
        try
        {
            // Fields 14 and 15, counted from the end of the name, which may contain spaces.
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            var ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
            var peak = File.ReadLines($"/proc/{process}/status")
                .FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return peak is null
                ? null
                : (
                    TimeSpan.FromSeconds(ticks / TicksPerSecond),
                    long.Parse(peak.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10
                );
        }
        catch (IOException)
        {
            return null;
        }
    }

    private sealed record Ending(int? ExitCode, string Output, TimeSpan Time, long Memory);
}
