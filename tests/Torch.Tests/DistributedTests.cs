using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class DistributedTests
{
    public static TheoryData<int> WorldSizes => [1, 2, 3, 4];

    [Theory]
    [MemberData(nameof(WorldSizes))]
    public void An_all_reduce_sums_over_the_ranks_whatever_the_size(int worldSize) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                foreach (var n in new[] { 1, 7, 1001, 100_003 })
                {
                    var x = full([n], group.Rank + 1.0);

                    var work = group.AllReduce(x);
                    work.Wait();

                    Assert.True(work.IsCompleted);
                    Assert.All(x.AsSpan<float>().ToArray(), v => Assert.Equal(worldSize * (worldSize + 1) / 2, v));
                }
            }
        );

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void Half_types_are_not_summed(ScalarType dtype) =>
        Ranks.Run(
            2,
            group =>
            {
                var error = Assert.Throws<ArgumentException>(() => group.AllReduce(ones([2], dtype)));
                Assert.Contains($"{dtype}", error.Message, StringComparison.Ordinal);
                Assert.Throws<ArgumentException>(() => group.ReduceScatter(ones([2], dtype), ones([4], dtype)));
                // The group goes on.
                var x = ones([2]);
                var work = group.AllReduce(x);
                work.Wait();
                Assert.Equal(4, x.sum().item<float>());
            }
        );

    [Fact]
    public void An_integer_all_reduce_is_exact() =>
        Ranks.Run(
            2,
            group =>
            {
                var x = tensor([1L << 60]);
                var work = group.AllReduce(x);
                work.Wait();
                Assert.Equal(1L << 61, x.item<long>());
            }
        );

    [Fact]
    public void Several_reductions_may_be_under_way_at_once() =>
        Ranks.Run(
            2,
            group =>
            {
                var flat = arange(1000, float32);
                Work[] works = [.. flat.split(300).Select(bucket => group.AllReduce(bucket))];
                foreach (var work in works)
                {
                    work.Wait();
                }

                Assert.True(flat.IsSame(arange(1000, float32) * 2));
            }
        );

    [Fact]
    public void A_broadcast_copies_the_roots_tensor() =>
        Ranks.Run(
            3,
            group =>
            {
                var x = full([4], group.Rank);
                var work = group.Broadcast(x, root: 2);
                work.Wait();
                Assert.Equal([2L, 2, 2, 2], x.AsSpan<long>().ToArray());
            }
        );

    [Fact]
    public void An_all_gather_collects_the_inputs_in_the_order_of_ranks() =>
        Ranks.Run(
            3,
            group =>
            {
                var all = zeros([3, 5]);

                var work = group.AllGather(all, full([5], group.Rank + 0.5, float32));
                work.Wait();

                Assert.Equal([0.5f, 1.5f, 2.5f], all.select(1, 4).contiguous().AsSpan<float>().ToArray());
            }
        );

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.Bool)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Float64)]
    public void Every_dtype_is_broadcast_and_gathered_bit_by_bit(ScalarType dtype) =>
        Ranks.Run(
            2,
            group =>
            {
                var mine = tensor([1.0, group.Rank, 0.1]).to(dtype);
                var both = zeros([2, 3], dtype);
                var copied = mine.clone();

                var gather = group.AllGather(both, mine);
                gather.Wait();
                var broadcast = group.Broadcast(copied, root: 1);
                broadcast.Wait();

                var gathered = both.unbind();
                Assert.True(gathered[group.Rank].IsSame(mine));
                Assert.True(copied.IsSame(gathered[1]));
                Assert.False(copied.IsSame(gathered[0]));
            }
        );

    [Fact]
    public void Generations_of_a_group_share_a_store_under_prefixes() =>
        Ranks.Run(
            2,
            (rank, store) =>
            {
                using var scope = NewDisposeScope();
                foreach (var generation in new[] { "g0", "g1" })
                {
                    var prefixed = new PrefixStore(generation, store);
                    using var group = ProcessGroup.Gloo(prefixed, rank, 2, Ranks.Loopback, Ranks.Patience);
                    var x = ones([3]);
                    var work = group.AllReduce(x);
                    work.Wait();
                    Assert.Equal(6, x.sum().item<float>());
                }
            }
        );
}
