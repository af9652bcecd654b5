using ClipTrain.Torch.Collectives;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class AbortTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void The_peers_of_a_hung_rank_abort_abandon_and_go_on_without_it(int worldSize) =>
        HungPeer.Run(
            worldSize,
            (group, store) =>
            {
                using var abort = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));

                var hung = group.AllReduce(ones([1000]));
                var e = Assert.Throws<DistributedException>(() => hung.Wait(abort.Token));
                group.Abandon();

                Assert.True(e.Aborted);
                Assert.Contains($"AllReduce on rank {group.Rank} of {worldSize}", e.Message, StringComparison.Ordinal);
                var prefixed = new PrefixStore("next", store);
                using var next = ProcessGroup.Gloo(prefixed, group.Rank, worldSize - 1, Ranks.Loopback, Ranks.Patience);
                var x = ones([10]);
                var work = next.AllReduce(x);
                work.Wait(CancellationToken.None);
                Assert.Equal(10 * (worldSize - 1), x.sum().item<float>());
                Assert.False(hung.IsCompleted);
            }
        );

    [Fact]
    public void Abandoning_lets_go_of_many_hung_collectives_whose_tensors_were_released() =>
        HungPeer.Run(
            2,
            (group, _) =>
            {
                List<Work> works = [];
                for (var i = 0; i < 10; i++)
                {
                    using var x = ones([100_000]);
                    works.Add(group.AllReduce(x));
                }

                group.Abandon();

                using var cancelled = new CancellationTokenSource();
                cancelled.Cancel();
                Assert.All(works, work => Assert.Throws<DistributedException>(() => work.Wait(cancelled.Token)));
                Assert.Throws<ObjectDisposedException>(() => group.AllReduce(ones([1])));
            }
        );

    [Fact]
    public void Every_collective_can_be_aborted() =>
        HungPeer.Run(
            2,
            (group, _) =>
            {
                using var cancelled = new CancellationTokenSource();
                cancelled.Cancel();
                Work[] works =
                [
                    group.AllReduce(ones([3])),
                    group.Broadcast(ones([3]), root: 1),
                    group.AllGather(ones([2, 2]), ones([2])),
                    group.ReduceScatter(ones([2]), ones([4])),
                ];

                Assert.All(works, work => Assert.True(Assert.Throws<DistributedException>(() => work.Wait(cancelled.Token)).Aborted));
            }
        );

    [Fact]
    public void A_time_out_is_no_abort() =>
        HungPeer.Run(
            2,
            (group, _) =>
            {
                using var never = new CancellationTokenSource();
                var work = group.AllReduce(ones([3]));

                var e = Assert.Throws<DistributedException>(() => work.Wait(TimeSpan.FromMilliseconds(120), never.Token));

                Assert.False(e.Aborted);
                Assert.Contains("timed out after 0.12 s", e.Message, StringComparison.Ordinal);
            }
        );

    [Fact]
    public void A_collective_that_is_done_counts_though_the_token_is_cancelled() =>
        Ranks.Run(
            2,
            group =>
            {
                using var cancelled = new CancellationTokenSource();
                var x = ones([3]);
                var work = group.AllReduce(x);
                work.Wait();
                cancelled.Cancel();

                work.Wait(cancelled.Token);

                Assert.Equal(6, x.sum().item<float>());
            }
        );
}
