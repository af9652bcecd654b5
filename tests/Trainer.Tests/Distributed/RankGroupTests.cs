using ClipTrain.Trainer.Distributed;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Distributed;

public class RankGroupTests
{
    private static readonly long[] Lengths = [16, 48, 64, 80, 160, 1008];

    [Fact]
    public void The_ranks_slices_cover_the_buffer_in_order_and_start_at_multiples_of_16()
    {
        foreach (var elements in Lengths)
        {
            for (var worldSize = 1; worldSize <= 9; worldSize++)
            {
                long next = 0;
                foreach (var slice in Enumerable.Range(0, worldSize).Select(rank => FlatSlice.Of(elements, rank, worldSize)))
                {
                    Assert.Equal(next, slice.Offset);
                    Assert.Equal(0, slice.Offset % 16);
                    Assert.InRange(slice.Length, 0, FlatSlice.LengthFor(elements, worldSize));
                    next = slice.End;
                }

                Assert.Equal(elements, next);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Gathered_slices_of_a_reduced_buffer_are_the_sum_over_ranks(int worldSize)
    {
        var ranks = Ranks.Run(
            worldSize,
            group =>
                Lengths
                    .Select(length =>
                    {
                        var slice = group.ReduceScatterSum(arange(length, float32).add_(group.Rank));
                        Assert.Equal(FlatSlice.Of(length, group.Rank, worldSize).Length, slice.numel());
                        var whole = full([length], -1, float32);
                        group.AllGatherInto(whole, slice.clone());
                        return whole.AsSpan<float>().ToArray();
                    })
                    .ToArray()
        );
        var offset = worldSize * (worldSize - 1) / 2;
        foreach (var rank in ranks)
        {
            Assert.Equal(
                Lengths.Select(length => Enumerable.Range(0, (int)length).Select(i => (float)((i * worldSize) + offset)).ToArray()),
                rank
            );
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Rows_of_all_ranks_arrive_in_rank_order_whatever_their_counts(int worldSize)
    {
        long[] counts = [2, 0, 3];
        counts = counts[..worldSize];
        var gathered = Ranks.Run(
            worldSize,
            group =>
            {
                var rows = group.BeginAllGatherRows(full([counts[group.Rank], 2], group.Rank, float32), counts);
                return rows.Wait().AsSpan<float>().ToArray();
            }
        );
        var expected = counts.SelectMany((count, rank) => Enumerable.Repeat((float)rank, (int)count * 2)).ToArray();
        Assert.All(gathered, rows => Assert.Equal(expected, rows));
    }
}
