using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Bench.Order;

/// <summary>
/// Cost of starting a run at a random step of a corpus of 100 million rows: reading the manifest, and the order's first global batch.
/// The metadata is synthetic; no Parquet is read.
/// </summary>
internal static class RandomStart
{
    private const long Rows = 100_000_000;
    private const int RowsOfFile = 100_000,
        GlobalBatch = 32_768,
        Repeats = 3;

    public static void Compare()
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-order-");
        try
        {
            foreach (var rowsOfGroup in (int[])[10_000, 1_000, 250])
            {
                var manifest = Path.Combine(folder.FullName, $"{rowsOfGroup}.json");
                File.WriteAllBytes(manifest, Manifest(rowsOfGroup));
                for (var repeat = 0; repeat < Repeats; repeat++)
                {
                    Console.Write($"row groups of {Cell.Right(rowsOfGroup, 6)} rows: ");
                    using var child = Process.Start(Environment.ProcessPath!, ["start", manifest]);
                    child.WaitForExit();
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public static void Measure(string path)
    {
        var step = RandomNumberGenerator.GetInt32((int)(Rows * 32 / GlobalBatch));
        var started = Stopwatch.GetTimestamp();
        var manifest = CorpusManifest.Load(path);
        var loaded = Stopwatch.GetElapsedTime(started);
        var batch = new SampleOrder(manifest.RowGroupRows, seed: 1, window: 64, GlobalBatch).GlobalBatch(step);
        var all = Stopwatch.GetElapsedTime(started);
        Console.WriteLine(
            $"step {Cell.Right(step, 6)}, sample {batch[0]}: {all.TotalSeconds:F2} s, of which "
                + $"{loaded.TotalSeconds:F2} s to read the manifest; peak "
                + $"memory {PeakMiB()} MiB"
        );
    }

    private static byte[] Manifest(int rowsOfGroup)
    {
        var groups = Enumerable.Repeat(rowsOfGroup, RowsOfFile / rowsOfGroup).ToArray();
        var source = new { name = "image", expression = "\"image\"" };
        return JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                files = Enumerable
                    .Range(0, (int)(Rows / RowsOfFile))
                    .Select(i => new
                    {
                        path = $"/corpora/a/long/path/part-{i:D6}.parquet",
                        bytes = 4_000_000_000,
                        rows = RowsOfFile,
                        rowGroups = groups,
                    }),
                columns = Array.Empty<object>(),
                image = source,
                caption = source,
                hash = "",
                filesHash = "",
            }
        );
    }

    /// <summary>Peak resident memory of this process, as counted by the system.</summary>
    private static long PeakMiB()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6, line.Length - 8).Trim(), System.Globalization.CultureInfo.InvariantCulture) / 1024;
    }
}
