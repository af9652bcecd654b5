using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class FlatCollectiveTests
{
    public static TheoryData<int, long> Grid
    {
        get
        {
            var grid = new TheoryData<int, long>();
            foreach (var worldSize in new[] { 1, 2, 3, 4 })
            {
                foreach (long n in new[] { 1, 7, 1000, 33_333 })
                {
                    grid.Add(worldSize, n);
                }
            }

            return grid;
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void A_rank_receives_its_share_of_bitwise_the_sums_of_an_all_reduce(int worldSize, long n) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                var input = Noise(worldSize * n, group.Rank);
                var before = input.clone();
                var sums = input.clone();
                var output = zeros([n]);

                var scatter = group.ReduceScatter(output, input);
                scatter.Wait();
                var all = group.AllReduce(sums);
                all.Wait();

                Assert.True(output.IsSame(sums.narrow(0, group.Rank * n, n)));
                Assert.True(input.IsSame(before));
            }
        );

    [Theory]
    [MemberData(nameof(Grid))]
    public void The_shares_are_joined_in_the_order_of_ranks(int worldSize, long n) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                var output = zeros([worldSize * n]);

                var work = group.AllGather(output, Noise(n, group.Rank));
                work.Wait();

                Assert.True(output.IsSame(cat([.. Enumerable.Range(0, worldSize).Select(rank => Noise(n, rank))], 0)));
            }
        );

    [Theory]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Float64)]
    public void Other_dtypes_are_scattered_as_all_reduced_and_gathered_bit_by_bit(ScalarType dtype) =>
        Ranks.Run(
            3,
            group =>
            {
                var input = (Noise(12, group.Rank) * 100).to(dtype);
                var sums = input.clone();
                var share = zeros([2, 2], dtype);
                var joined = zeros([3, 2, 2], dtype);

                var scatter = group.ReduceScatter(share, input);
                scatter.Wait();
                var gather = group.AllGather(joined, share);
                gather.Wait();
                var all = group.AllReduce(sums);
                all.Wait();

                Assert.True(joined.view(-1).IsSame(sums));
            }
        );

    [Fact]
    public void Tensors_that_are_no_share_and_whole_are_refused() =>
        Ranks.Run(
            2,
            group =>
            {
                Assert.Throws<ArgumentException>(() => group.ReduceScatter(zeros([2]), zeros([3])));
                Assert.Throws<ArgumentException>(() => group.ReduceScatter(zeros([2]), zeros([4], bfloat16)));
                Assert.Throws<ArgumentException>(() => group.ReduceScatter(zeros([2]), zeros([4, 2]).select(1, 0)));
                Assert.Throws<ArgumentException>(() => group.AllGather(zeros([3]), zeros([2])));
                Assert.Throws<ArgumentException>(() => group.AllGather(zeros([4, 2]).select(1, 0), zeros([2])));
            }
        );

    private static Tensor Noise(long n, int rank)
    {
        var random = new Random(rank);
        return tensor([.. Enumerable.Range(0, (int)n).Select(_ => (float)(random.NextDouble() - 0.5))]);
    }
}
