using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public class SampleOrderTests
{
    private static readonly int[][] Shapes =
    [
        [1],
        [5],
        [1, 1, 1],
        [7, 3, 5],
        [4, 0, 6, 0],
        [10, 10, 10, 10, 10, 10, 3],
        [100, 1, 50, 25, 25, 99],
    ];

    public static TheoryData<int[], int> ShapesAndWindows()
    {
        var data = new TheoryData<int[], int>();
        foreach (var shape in Shapes)
        {
            foreach (var window in (int[])[1, 2, 3, 100])
            {
                data.Add(shape, window);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(ShapesAndWindows))]
    public void Each_epoch_holds_every_sample_exactly_once(int[] shape, int window)
    {
        var count = shape.Sum();
        foreach (var batchSize in (int[])[1, 2, 7, 64, 500])
        {
            var stream = Stream(new SampleOrder(shape, seed: 3, window, batchSize), steps: ((3 * count) + batchSize - 1) / batchSize);
            for (var epoch = 0; epoch < 3; epoch++)
            {
                var samples = stream.Skip(epoch * count).Take(count).ToArray();
                Assert.All(samples, s => Assert.Equal(epoch, s.Epoch));
                Assert.Equal(Enumerable.Range(0, count).Select(i => (long)i), samples.Select(s => s.Index).Order());
            }
        }
    }

    [Theory]
    [MemberData(nameof(ShapesAndWindows))]
    public void Any_step_is_reached_at_once(int[] shape, int window)
    {
        var walking = new SampleOrder(shape, seed: 9, window, globalBatch: 7);
        var steps = Enumerable.Range(0, 60).Select(step => walking.GlobalBatch(step)).ToArray();
        foreach (var step in (int[])[59, 0, 31, 30, 1, 58, 12])
        {
            Assert.Equal(steps[step], new SampleOrder(shape, seed: 9, window, globalBatch: 7).GlobalBatch(step));
        }

        foreach (var step in (int[])[59, 0, 31, 30, 1, 58, 12])
        {
            Assert.Equal(steps[step], walking.GlobalBatch(step));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(9)]
    public void The_ranks_slices_are_the_global_batch_in_order(int worldSize)
    {
        for (var globalBatch = 0; globalBatch < 30; globalBatch++)
        {
            var slices = Enumerable.Range(0, worldSize).Select(rank => SampleOrder.LocalSlice(globalBatch, rank, worldSize)).ToArray();

            Assert.Equal(Enumerable.Range(0, globalBatch), slices.SelectMany(s => Enumerable.Range(s.Start, s.Count)));
            Assert.InRange(slices.Max(s => s.Count) - slices.Min(s => s.Count), 0, 1);
        }
    }

    [Fact]
    public void Seeds_and_epochs_differ()
    {
        int[] shape = [50, 50, 50, 50];
        var first = Stream(new SampleOrder(shape, seed: 1, 2, globalBatch: 200), steps: 2).Select(s => s.Index).ToArray();
        var second = Stream(new SampleOrder(shape, seed: 2, 2, globalBatch: 200), steps: 1).Select(s => s.Index).ToArray();

        Assert.NotEqual(first[..200], first[200..]);
        Assert.NotEqual(first[..200], second);
        Assert.NotEqual(Enumerable.Range(0, 200).Select(i => (long)i), first[..200]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(12)]
    public void A_batch_mixes_as_many_row_groups_as_the_window_has_in_equal_parts(int window)
    {
        var order = new SampleOrder(Enumerable.Repeat(60, 12).ToArray(), seed: 4, window, globalBatch: 24);

        for (var step = 0; step < 30; step++)
        {
            // A partition passes from one row group to the next within a batch where these do not end with it.
            var shares = order
                .GlobalBatch(step)
                .Chunk(24 / window)
                .Select(part => part.Select(s => order.RowGroupOf(s.Index)).Distinct().ToArray())
                .ToArray();
            Assert.All(shares, groups => Assert.InRange(groups.Length, 1, 2));
            Assert.InRange(shares.SelectMany(groups => groups).Distinct().Count(), window, 2 * window);
        }
    }

    [Fact]
    public void A_row_group_is_spread_over_the_batches_of_its_partition()
    {
        var order = new SampleOrder([.. Enumerable.Repeat(100, 40)], seed: 4, window: 10, globalBatch: 100);
        var steps = new Dictionary<int, HashSet<int>>();
        for (var step = 0; step < 40; step++)
        {
            foreach (var sample in order.GlobalBatch(step))
            {
                (steps.TryGetValue(order.RowGroupOf(sample.Index), out var met) ? met : steps[order.RowGroupOf(sample.Index)] = []).Add(
                    step
                );
            }
        }

        Assert.All(steps.Values, met => Assert.Equal(10, met.Count));
    }

    [Fact]
    public void Every_position_of_a_sample_is_about_equally_likely()
    {
        // 6 samples, 6 positions, 6,000 epochs: 1,000 expected in each of the 36 cells; the seed is fixed.
        var order = new SampleOrder([2, 2, 2], seed: 11, window: 2, globalBatch: 6);
        var counts = new int[6, 6];
        for (var epoch = 0; epoch < 6000; epoch++)
        {
            var batch = order.GlobalBatch(epoch);
            for (var position = 0; position < 6; position++)
            {
                counts[position, batch[position].Index]++;
            }
        }

        Assert.All(counts.Cast<int>(), n => Assert.InRange(n, 870, 1130));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 0)]
    [InlineData(4, 2)]
    [InlineData(9, 2)]
    public void A_samples_row_group_is_the_one_that_holds_it(long index, int expected) =>
        Assert.Equal(expected, new SampleOrder([4, 0, 6, 0], seed: 0, 1, 1).RowGroupOf(index));

    [Fact]
    public void Impossible_arguments_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new SampleOrder([0, 0], 0, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleOrder([1], 0, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleOrder([1], 0, 1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleOrder([1], 0, 1, 1).RowGroupOf(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleOrder([1], 0, 1, 1).GlobalBatch(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => SampleOrder.LocalSlice(4, 2, 2));
    }

    private static SampleRef[] Stream(SampleOrder order, int steps) =>
        [.. Enumerable.Range(0, steps).SelectMany(step => order.GlobalBatch(step))];
}
