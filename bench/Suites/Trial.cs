using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace ClipTrain.Bench.Suites;

/// <summary>Seconds of a command.</summary>
internal readonly record struct Seconds(double Wall, double Cpu);

/// <summary>Evaluations with <c>cliptrain eval --suite</c>. Each begins with an empty cache, so that it embeds its sets itself.</summary>
internal sealed class Trial(string program, string model, string folder)
{
    public Seconds Together(IReadOnlyList<object> sets) => Evaluate(sets);

    public Seconds OneByOne(IReadOnlyList<object> sets)
    {
        var each = sets.Select(set => Evaluate([set])).ToList();
        return new Seconds(each.Sum(one => one.Wall), each.Sum(one => one.Cpu));
    }

    private Seconds Evaluate(IReadOnlyList<object> sets)
    {
        var (suite, cache) = (Path.Combine(folder, "suite.yaml"), Path.Combine(folder, "features"));
        File.WriteAllText(suite, JsonSerializer.Serialize(new { sets, cache }));
        if (Directory.Exists(cache))
        {
            Directory.Delete(cache, recursive: true);
        }

        // Bash's time knows the seconds of processors that children took, which .NET does not tell.
        const string timed = "TIMEFORMAT='%R %U %S'; time \"$0\" \"$@\" >/dev/null 2>&1";
        using var process = Process.Start(
            new ProcessStartInfo("/bin/bash", ["-c", timed, program, "eval", model, "--suite", suite, "-o", Path.Combine(folder, "out")])
            {
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var line = process.StandardError.ReadToEnd().Trim();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} eval {model} --suite failed.");
        }

        var seconds = line.Split(' ').Select(text => double.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        return new Seconds(seconds[0], seconds[1] + seconds[2]);
    }
}
