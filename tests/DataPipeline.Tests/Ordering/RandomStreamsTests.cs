using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public sealed class RandomStreamsTests
{
    [Fact]
    public void No_two_purposes_share_a_stream()
    {
        var drawn = new Dictionary<UInt128, string>();
        foreach (var purpose in Enum.GetValues<RandomPurpose>())
        {
            foreach (var (time, number) in Places(purpose))
            {
                var random = RandomStreams.Of(purpose, seed: 7, time, number);
                var first = new UInt128(
                    ((ulong)random.NextUInt32() << 32) | random.NextUInt32(),
                    ((ulong)random.NextUInt32() << 32) | random.NextUInt32()
                );
                var who = $"{purpose} {time} {number}";
                Assert.True(drawn.TryAdd(first, who), $"{who} draws as {drawn.GetValueOrDefault(first)} does");
            }
        }
    }

    [Fact]
    public void Streams_of_samples_and_orders_are_those_that_runs_have_begun_with()
    {
        Assert.Equal(new CounterRandom(3, 4, 5).NextUInt32(), RandomStreams.Of(RandomPurpose.Augmentation, 3, 4, 5).NextUInt32());
        Assert.Equal(new CounterRandom(3, 4, ulong.MaxValue).NextUInt32(), RandomStreams.Of(RandomPurpose.EpochOrder, 3, 4).NextUInt32());
        Assert.Equal(
            new CounterRandom(3, 4, (1UL << 63) | 5).NextUInt32(),
            RandomStreams.Of(RandomPurpose.RowGroupOrder, 3, 4, 5).NextUInt32()
        );
        Assert.Equal(
            new CounterRandom(3, 4, (1UL << 62) | 5).NextUInt32(),
            RandomStreams.Of(RandomPurpose.PatchDropout, 3, 4, 5).NextUInt32()
        );
    }

    /// <summary>Epochs (or steps) and samples (or row groups) of a purpose.</summary>
    private static IEnumerable<(long Time, long Number)> Places(RandomPurpose purpose)
    {
        long[] times = purpose == RandomPurpose.Inspection ? [0] : [0, 1, 2, 3, 1000, uint.MaxValue, 1L << 40];
        long[] numbers = purpose
            is RandomPurpose.EpochOrder
                or RandomPurpose.WeightRounding
                or RandomPurpose.MomentRounding
                or RandomPurpose.Inspection
            ? [0]
            : [0, 1, 2, 7, int.MaxValue];
        return from time in times from number in numbers select (time, number);
    }
}
