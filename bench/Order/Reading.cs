using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Bench.Order;

/// <summary>
/// Number of times that the workers together read each row group in an epoch: at best once, at worst once per worker.
/// </summary>
internal static class Reading
{
    private const int Groups = 2048,
        Rows = 250,
        GlobalBatch = 4096,
        Window = 64;

    public static void Print()
    {
        Console.WriteLine(
            $"{Groups} row groups of {Rows} rows, global batch {GlobalBatch}, window {Window}: how often a row group is read in an epoch"
        );
        foreach (var workers in (int[])[1, 2, 3, 4, 8, 12, 16, 32, 48, 64, 128])
        {
            Console.WriteLine($"  {Cell.Right(workers, 3)} workers: {Times(workers):F2}");
        }
    }

    private static double Times(int workers)
    {
        var order = new SampleOrder([.. Enumerable.Repeat(Rows, Groups)], seed: 1, Window, GlobalBatch);
        var reads = new HashSet<(int Rank, int Partition, int Group)>();
        for (long step = 0; step < Groups * Rows / GlobalBatch; step++)
        {
            var batch = order.GlobalBatch(step);
            for (var rank = 0; rank < workers; rank++)
            {
                var (start, count) = SampleOrder.LocalSlice(GlobalBatch, rank, workers);
                for (var i = start; i < start + count; i++)
                {
                    reads.Add((rank, order.Schedule.At((step * GlobalBatch) + i).Partition, order.RowGroupOf(batch[i].Index)));
                }
            }
        }

        return (double)reads.Count / Groups;
    }
}
