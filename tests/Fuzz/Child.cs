using System.Diagnostics;
using System.Globalization;

namespace ClipTrain.Fuzz;

/// <summary>
/// The process that may crash. It reports on standard output the start of each file (<c>begin N</c>), its end (<c>end N REASON…</c>,
/// separated by tabs) with the most memory so far (<c>peak BYTES</c>), and memory (<c>memory BYTES</c>) after every hundred files.
/// </summary>
internal static class Child
{
    private const int MemoryEvery = 100;

    public static void Run(ulong seed, long first, long end)
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-fuzz-").FullName;
        try
        {
            var seeds = new Seeds(seed, folder);
            using var trial = new Trial(folder);
            for (var i = first; i < end; i++)
            {
                Say($"begin {i}");
                var (bytes, isParquet) = seeds.Mutated(i);
                var reasons = trial.Reasons(bytes, isParquet, i).Select(reason => reason.ReplaceLineEndings(" ").Replace('\t', ' '));
                Say(string.Join('\t', [$"end {i}", .. reasons]));
                Say($"peak {Peak()}");
                if ((i - first) % MemoryEvery == MemoryEvery - 1)
                {
                    Say($"memory {Held()}");
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static long Held()
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    /// <summary>The largest resident memory of this process so far, however short it was held.</summary>
    private static long Peak() =>
        long.Parse(
            File.ReadLines("/proc/self/status")
                .First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture
        ) << 10;

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
