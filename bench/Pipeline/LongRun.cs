using System.Diagnostics;
using System.Globalization;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.Bench.Pipeline;

/// <summary>
/// Memory of one worker over a long run with default settings. Images are small, so that a million of them take minutes.
/// </summary>
internal static class LongRun
{
    private const int GlobalBatch = 128,
        Prefetch = 2,
        Points = 20;

    /// <summary>Largest change of memory after the warm-up (a quarter of the run) that counts as flat.</summary>
    private const double Flat = 0.05;

    public static void Print(string folder, long samples, int side, int rows)
    {
        var images = SyntheticCorpus.Images(side);
        var manifest = SyntheticCorpus.Write(folder, images, rows);
        var steps = samples / GlobalBatch;
        var started = Stopwatch.GetTimestamp();
        using var loader = new TrainingLoader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, seed: 1, ShuffleWindow.Of(manifest), GlobalBatch),
            new BpeTokenizer(MergeList.Named("openai"), contextLength: 77),
            () => new ClipImageTransform(new ImageTransformOptions(side < 224 ? 32 : 224)),
            new TrainingLoaderOptions
            {
                Prefetch = Prefetch,
                Seed = 1,
                LastStep = steps,
            }
        );
        var resident = new List<double>();
        for (var step = 1L; step <= steps; step++)
        {
            loader.Take().Dispose();
            if (step % Math.Max(1, steps / Points) != 0)
            {
                continue;
            }

            resident.Add(ResidentMiB());
            Console.WriteLine(
                $"{Cell.Right(step * GlobalBatch, 9)} samples, "
                    + $"{Cell.Right(Stopwatch.GetElapsedTime(started).TotalSeconds, 5, "F0")} s: {resident[^1]:F0} MiB "
                    + $"resident, {GC.GetTotalMemory(forceFullCollection: false) >> 20} MiB managed"
            );
        }

        var warm = resident.Skip(resident.Count / 4).ToArray();
        var half = warm.Length / 2;
        var growth = (warm[half..].Average() / warm[..half].Average()) - 1;
        Console.WriteLine(
            $"after warm-up {warm.Min():F0} to {warm.Max():F0} MiB; second half against first {growth:+0.0%;-0.0%}: "
                + $"{(growth <= Flat ? "flat" : "GROWS")}"
        );
    }

    private static double ResidentMiB()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6, line.Length - 8).Trim(), CultureInfo.InvariantCulture) / 1024.0;
    }
}
