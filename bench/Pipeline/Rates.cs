using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.Bench.Pipeline;

/// <summary>
/// The whole path from Parquet to batches against the decode stage alone (the same JPEGs in memory, nothing read, tokenized or handed
/// over), and two threads against one. Sides alternate; medians of seconds and of CPU seconds.
/// </summary>
internal static class Rates
{
    private const int Side = 400,
        Rows = 2_500,
        GlobalBatch = 100,
        WarmUpSteps = 10;

    public static void Print(string folder, int rounds)
    {
        var images = SyntheticCorpus.Images(Side);
        var manifest = SyntheticCorpus.Write(folder, images, Rows);
        var tokenizer = new BpeTokenizer(MergeList.Named("openai"), contextLength: 77);
        Console.WriteLine(
            $"{Rows} JPEGs of {Side} × {Side} pixels, {images.Average(i => i.Length) / 1024:F0} KiB each, to 224 × 224; medians of "
                + $"{rounds} rounds, images a second (a CPU second)"
        );
        var sides = new (string Name, Func<(double Wall, double Cpu)> Run, List<(double Wall, double Cpu)> Seconds)[]
        {
            ("decode alone, 1 thread", () => DecodeAlone(images, 1), []),
            ("Parquet to batch, 1 thread", () => Pipeline(manifest, tokenizer, 1), []),
            ("decode alone, 2 threads", () => DecodeAlone(images, 2), []),
            ("Parquet to batch, 2 threads", () => Pipeline(manifest, tokenizer, 2), []),
        };
        for (var round = -1; round < rounds; round++)
        {
            foreach (var (_, run, seconds) in sides)
            {
                var spent = run();
                // The first round warms up.
                if (round >= 0)
                {
                    seconds.Add(spent);
                }
            }
        }

        foreach (var (name, _, seconds) in sides)
        {
            Console.WriteLine(
                $"{Cell.Left(name, 28)} "
                    + $"{Cell.Right(Rows / Median(seconds.Select(s => s.Wall)), 8, "F0")} ({Rows / Median(seconds.Select(s => s.Cpu)):F0})"
            );
        }

        PrintRatio("Parquet to batch / decode alone, 1 thread", sides[0].Seconds, sides[1].Seconds);
        PrintRatio("Parquet to batch / decode alone, 2 threads", sides[2].Seconds, sides[3].Seconds);
        PrintRatio("Parquet to batch, 2 threads / 1 thread", sides[1].Seconds, sides[3].Seconds);
        PrintRatio("decode alone, 2 threads / 1 thread", sides[0].Seconds, sides[2].Seconds);
    }

    /// <summary>
    /// Time for as many samples as the corpus has, in a loader that is already running and continues afterwards: the consumer is faster, so
    /// nothing is prefetched at either end.
    /// </summary>
    private static (double Wall, double Cpu) Pipeline(CorpusManifest manifest, ITokenizer tokenizer, int threads)
    {
        using var loader = new TrainingLoader(
            manifest,
            new SampleOrder(manifest.RowGroupRows, seed: 1, window: 4, GlobalBatch),
            tokenizer,
            Transform,
            new TrainingLoaderOptions { Seed = 1, Threads = threads }
        );
        Take(WarmUpSteps);
        return Spent(() => Take(Rows / GlobalBatch));

        void Take(int steps)
        {
            for (var step = 0; step < steps; step++)
            {
                loader.Take().Dispose();
            }
        }
    }

    private static (double Wall, double Cpu) DecodeAlone(byte[][] images, int threads)
    {
        var workers = Enumerable
            .Range(0, threads)
            .Select(thread => new Thread(() =>
            {
                using var transform = Transform();
                var chw = new byte[((IImageTransform)transform).OutputBytes];
                for (var i = thread; i < Rows; i += threads)
                {
                    var random = new CounterRandom(1, 0, (ulong)i);
                    transform.Train(images[i % images.Length], ref random, chw);
                }
            }))
            .ToList();
        return Spent(() =>
        {
            workers.ForEach(worker => worker.Start());
            workers.ForEach(worker => worker.Join());
        });
    }

    private static (double Wall, double Cpu) Spent(Action work)
    {
        var (wall, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        work();
        return (Stopwatch.GetElapsedTime(wall).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }

    private static ClipImageTransform Transform() => new(new ImageTransformOptions(224));

    /// <summary>The median over rounds of the second side's speed-up, in time and in CPU time.</summary>
    private static void PrintRatio(string name, List<(double Wall, double Cpu)> first, List<(double Wall, double Cpu)> second) =>
        Console.WriteLine(
            $"{Cell.Left(name, 44)} {Median(first.Zip(second, (a, b) => a.Wall / b.Wall)):F3} by time, "
                + $"{Median(first.Zip(second, (a, b) => a.Cpu / b.Cpu)):F3} by CPU time"
        );

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
