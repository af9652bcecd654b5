using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public class SampleOrderTests
{
    private static readonly int[][] Shapes = [[1], [5], [1, 1, 1], [7, 3, 5], [4, 0, 6, 0], [10, 10, 10, 10, 10, 10, 3], [100, 1, 50, 25, 25, 99]];

    public static TheoryData<int[], int> ShapesAndWindows()
    {
        var data = new TheoryData<int[], int>();
        foreach (var shape in Shapes)
        {
            foreach (var window in (int[])[1, 2, 3, 100])
                data.Add(shape, window);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(ShapesAndWindows))]
    public void Each_epoch_holds_every_sample_exactly_once(int[] shape, int window)
    {
        var order = new SampleOrder(shape, seed: 3, window);
        var count = shape.Sum();
        foreach (var batchSize in (int[])[1, 2, 7, 64, 500])
        {
            var stream = Stream(order, batchSize, steps: ((3 * count) + batchSize - 1) / batchSize);
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
    public void The_stream_does_not_depend_on_the_batch_size(int[] shape, int window)
    {
        var order = new SampleOrder(shape, seed: 3, window);
        var reference = Stream(order, batchSize: 1, steps: 420);
        foreach (var batchSize in (int[])[2, 5, 7, 60])
            Assert.Equal(reference, Stream(order, batchSize, steps: 420 / batchSize));
    }

    [Theory]
    [MemberData(nameof(ShapesAndWindows))]
    public void Any_step_is_reached_at_once(int[] shape, int window)
    {
        var walking = new SampleOrder(shape, seed: 9, window);
        var steps = Enumerable.Range(0, 60).Select(step => Batch(walking, step, 7)).ToArray();
        foreach (var step in (int[])[59, 0, 31, 30, 1, 58, 12])
            Assert.Equal(steps[step], Batch(new SampleOrder(shape, seed: 9, window), step, 7));
        foreach (var step in (int[])[59, 0, 31, 30, 1, 58, 12])
            Assert.Equal(steps[step], Batch(walking, step, 7));
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
            Assert.Equal(slices.Select(s => s.Count).OrderDescending(), slices.Select(s => s.Count));
        }
    }

    [Fact]
    public void Seeds_and_epochs_differ()
    {
        int[] shape = [50, 50, 50, 50];
        var first = Stream(new SampleOrder(shape, seed: 1, 2), 200, steps: 2).Select(s => s.Index).ToArray();
        var second = Stream(new SampleOrder(shape, seed: 2, 2), 200, steps: 1).Select(s => s.Index).ToArray();

        Assert.NotEqual(first[..200], first[200..]);
        Assert.NotEqual(first[..200], second);
        Assert.NotEqual(Enumerable.Range(0, 200).Select(i => (long)i), first[..200]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_window_mixes_its_row_groups_and_no_others(int window)
    {
        var shape = Enumerable.Repeat(20, 12).ToArray();
        var order = new SampleOrder(shape, seed: 4, window);
        var seen = new HashSet<int>();

        foreach (var samples in Stream(order, 240, steps: 1).Chunk(20 * window))
        {
            var groups = samples.Select(s => order.RowGroupOf(s.Index)).ToArray();
            Assert.Equal(window, groups.Distinct().Count());
            Assert.All(groups.Distinct(), g => Assert.True(seen.Add(g)));
            if (window > 1)
                Assert.True(groups.Zip(groups.Skip(1)).Count(pair => pair.First != pair.Second) > window, "the groups follow each other unmixed");
        }
    }

    [Fact]
    public void Every_position_of_a_sample_is_about_equally_likely()
    {
        // 6 samples, 6 places, 6,000 epochs: 1,000 expected in each of the 36 cells; the seed is fixed.
        var order = new SampleOrder([2, 2, 2], seed: 11, windowGroups: 2);
        var counts = new int[6, 6];
        var batch = new SampleRef[6];
        for (var epoch = 0; epoch < 6000; epoch++)
        {
            order.GlobalBatch(epoch, batch);
            for (var place = 0; place < 6; place++)
                counts[place, batch[place].Index]++;
        }

        Assert.All(counts.Cast<int>(), n => Assert.InRange(n, 870, 1130));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 0)]
    [InlineData(4, 2)]
    [InlineData(9, 2)]
    public void A_samples_row_group_is_the_one_that_holds_it(long index, int expected) =>
        Assert.Equal(expected, new SampleOrder([4, 0, 6, 0], seed: 0, 1).RowGroupOf(index));

    [Fact]
    public void Impossible_arguments_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new SampleOrder([0, 0], 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleOrder([1], 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleOrder([1], 0, 1).RowGroupOf(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleOrder([1], 0, 1).GlobalBatch(-1, new SampleRef[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => SampleOrder.LocalSlice(4, 2, 2));
    }

    private static SampleRef[] Batch(SampleOrder order, long step, int size)
    {
        var batch = new SampleRef[size];
        order.GlobalBatch(step, batch);
        return batch;
    }

    private static SampleRef[] Stream(SampleOrder order, int batchSize, int steps) =>
        [.. Enumerable.Range(0, steps).SelectMany(step => Batch(order, step, batchSize))];
}
