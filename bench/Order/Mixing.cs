using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Bench.Order;

/// <summary>
/// Quality of a window's mixing: the share of neighbours in a row group that share a global batch. A full shuffle of N samples has
/// (B - 1) / (N - 1). A batch mixed from W groups of R rows cannot do better than (B/W - 1) / (R - 1).
/// </summary>
internal static class Mixing
{
    private const int Groups = 4096;

    public static void Print()
    {
        Console.WriteLine("Share of neighbours in a row group that are in the same global batch, and its ratio to a full shuffle");
        foreach (var (rows, batch) in ((int, int)[])[(250, 1024), (1000, 1024), (1000, 8192)])
        {
            var full = (batch - 1.0) / (((long)Groups * rows) - 1);
            Console.WriteLine($"{Groups} row groups of {rows} rows, global batch {batch}: full shuffle {full:P3}");
            foreach (var window in (int[])[1, 4, 16, 64, 256, 1024, Groups])
            {
                var share = Share(rows, batch, window);
                Console.WriteLine(
                    $"  window {Cell.Right(window, 4)}: " + $"{Cell.Right(share, 8, "P3")}  {Cell.Right(share / full, 8, "F1")} ×"
                );
            }
        }
    }

    private static double Share(int rows, int globalBatch, int window)
    {
        var order = new SampleOrder([.. Enumerable.Repeat(rows, Groups)], seed: 1, window, globalBatch);
        var batchOf = new int[order.SampleCount];
        // Whole batches of the first epoch; the remainder goes to a batch that is not counted.
        for (var batch = 0; batch < order.SampleCount / globalBatch; batch++)
        {
            foreach (var sample in order.GlobalBatch(batch))
            {
                batchOf[sample.Index] = batch + 1;
            }
        }

        long pairs = 0,
            together = 0;
        for (var i = 1; i < batchOf.Length; i++)
        {
            if (i % rows == 0 || batchOf[i] == 0 || batchOf[i - 1] == 0)
            {
                continue;
            }

            pairs++;
            together += batchOf[i] == batchOf[i - 1] ? 1 : 0;
        }

        return (double)together / pairs;
    }
}
