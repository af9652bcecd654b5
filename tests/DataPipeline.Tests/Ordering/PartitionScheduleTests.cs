using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public sealed class PartitionScheduleTests
{
    public static TheoryData<double[], int[], int, int> Grid =>
        new()
        {
            { [1], [1], 1, 1 },
            { [1], [1], 7, 3 },
            { [1], [4], 12, 4 },
            { [1], [3], 10, 4 },
            { [1, 1], [2, 1], 9, 3 },
            { [5, 3, 2], [4, 2, 1], 32, 5 },
            { [0.3, 0.5, 0.2, 1e-3], [1, 2, 1, 1], 6, 2 },
            { [1, 1e6], [1, 8], 40, 8 },
        };

    [Theory]
    [MemberData(nameof(Grid))]
    public void Each_position_is_the_next_of_one_partition(double[] weights, int[] partitions, int globalBatch, int lanes)
    {
        var schedule = new PartitionSchedule(weights, partitions, globalBatch, lanes);
        var counts = new long[partitions.Sum()];
        for (long position = 0; position < 1500; position++)
        {
            for (var partition = 0; partition < counts.Length; partition++)
            {
                Assert.Equal(counts[partition], schedule.CountOf(partition, position));
            }

            for (var corpus = 0; corpus < weights.Length; corpus++)
            {
                Assert.Equal(counts[schedule.PartitionsOf(corpus)].Sum(), schedule.CountOfCorpus(corpus, position));
            }

            var (taker, offset) = schedule.At(position);
            Assert.Equal(counts[taker]++, offset);
            Assert.Equal(position, schedule.PositionOf(taker, offset));
            var ofCorpus = schedule.CountOfCorpus(schedule.CorpusOf(taker), position);
            Assert.Equal(position, schedule.PositionOfCorpus(schedule.CorpusOf(taker), ofCorpus));
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void All_directions_agree_far_out(double[] weights, int[] partitions, int globalBatch, int lanes)
    {
        var schedule = new PartitionSchedule(weights, partitions, globalBatch, lanes);
        foreach (var position in Enumerable.Range(0, 50).Select(i => 1_000_000_000_000 + (i * 7919L)))
        {
            var (partition, offset) = schedule.At(position);
            Assert.Equal(offset, schedule.CountOf(partition, position));
            Assert.Equal(offset + 1, schedule.CountOf(partition, position + 1));
            Assert.Equal(position, schedule.PositionOf(partition, offset));
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void Shares_are_kept_to_the_sample_in_every_lane(double[] weights, int[] partitions, int globalBatch, int lanes)
    {
        var schedule = new PartitionSchedule(weights, partitions, globalBatch, lanes);
        foreach (var positions in (long[])[10, 999, 123_456_789, 1_000_000_000_000])
        {
            for (var corpus = 0; corpus < weights.Length; corpus++)
            {
                Assert.InRange(
                    schedule.CountOfCorpus(corpus, positions) - (positions * weights[corpus] / weights.Sum()),
                    -weights.Length * lanes,
                    weights.Length * lanes
                );
            }
        }
    }

    [Fact]
    public void Corpora_of_equal_shares_do_not_take_turns_in_all_lanes_at_once()
    {
        var schedule = new PartitionSchedule([1, 1], [1, 1], globalBatch: 99, lanes: 33);
        for (long batch = 0; batch < 200; batch++)
        {
            var first = schedule.CountOfCorpus(0, (batch + 1) * 99) - schedule.CountOfCorpus(0, batch * 99);
            Assert.InRange(first, 40, 59);
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void A_part_of_every_batch_meets_its_partitions_and_no_others(double[] weights, int[] partitions, int globalBatch, int lanes)
    {
        var schedule = new PartitionSchedule(weights, partitions, globalBatch, lanes);
        for (var world = 1; world <= 5; world++)
        {
            for (var rank = 0; rank < world; rank++)
            {
                var (start, count) = SampleOrder.LocalSlice(globalBatch, rank, world);
                var met = Enumerable
                    .Range(0, 100)
                    .SelectMany(batch => Enumerable.Range(start, count).Select(i => schedule.At(((long)batch * globalBatch) + i).Partition))
                    .ToHashSet();
                Assert.Subset(schedule.Within(start, count).ToHashSet(), met);
            }
        }
    }

    [Theory]
    [InlineData(32, 8, 1)]
    [InlineData(32, 8, 4)]
    [InlineData(1000, 6, 3)]
    [InlineData(1001, 12, 4)]
    [InlineData(32768, 48, 16)]
    [InlineData(1 << 20, 1 << 12, 4)]
    public void Workers_whose_number_divides_that_of_the_lanes_share_no_partition(int globalBatch, int lanes, int world)
    {
        var schedule = new PartitionSchedule([1], [lanes], globalBatch, lanes);
        var held = Enumerable
            .Range(0, world)
            .Select(rank => SampleOrder.LocalSlice(globalBatch, rank, world))
            .SelectMany(slice => schedule.Within(slice.Start, slice.Count))
            .ToArray();
        Assert.Equal(Enumerable.Range(0, lanes), held);
    }

    [Fact]
    public void A_place_beyond_all_steps_is_told_as_such() =>
        Assert.Equal(long.MaxValue, new PartitionSchedule([1, 1], [1, 1], 4, 1).PositionOf(0, long.MaxValue / 2));
}
