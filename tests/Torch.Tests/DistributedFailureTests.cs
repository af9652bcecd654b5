using ClipTrain.Torch.Collectives;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class DistributedFailureTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_collective_fails_when_a_peer_has_left_and_the_rest_can_form_a_new_group()
    {
        Ranks.Run(
            3,
            (rank, store) =>
            {
                using var scope = NewDisposeScope();
                var first = new PrefixStore("g0", store);
                {
                    using var group = ProcessGroup.Gloo(first, rank, 3, Ranks.Loopback, Ranks.Patience);
                    var together = group.AllReduce(ones([1]));
                    together.Wait();
                    if (rank == 2)
                    {
                        return;
                    }

                    var e = Assert.Throws<DistributedException>(() => AllReduce(group, ones([10])));
                    Assert.Contains("AllReduce on rank", e.Message, StringComparison.Ordinal);
                }

                var second = new PrefixStore("g1", store);
                using var rest = ProcessGroup.Gloo(second, rank, 2, Ranks.Loopback, Ranks.Patience);
                var x = ones([10]);
                AllReduce(rest, x);
                Assert.Equal(20, x.sum().item<float>());
            }
        );
    }

    [Fact]
    public void A_collective_that_a_peer_never_joins_fails_at_the_time_out()
    {
        using var release = new ManualResetEventSlim();
        Together(group =>
        {
            if (group.Rank == 1)
            {
                release.Wait();
                return;
            }

            try
            {
                var e = Assert.Throws<DistributedException>(() => AllReduce(group, ones([10])));
                Assert.Contains("imed out", e.Message, StringComparison.Ordinal);
            }
            finally
            {
                release.Set();
            }
        });
    }

    [Fact]
    public void A_wait_may_be_shorter_than_the_groups_time_out()
    {
        using var release = new ManualResetEventSlim();
        Ranks.Run(
            2,
            group =>
            {
                var work = group.Rank == 0 ? group.AllReduce(ones([10])) : WaitThenStart();
                Work WaitThenStart()
                {
                    release.Wait();
                    return group.AllReduce(ones([10]));
                }

                if (group.Rank == 0)
                {
                    try
                    {
                        Assert.Throws<DistributedException>(() => work.Wait(TimeSpan.FromMilliseconds(100)));
                    }
                    finally
                    {
                        release.Set();
                    }
                }

                work.Wait();
            }
        );
    }

    [Fact]
    public void A_group_that_not_all_join_fails_at_the_time_out()
    {
        var store = new MemoryStore();

        var e = Assert.Throws<DistributedException>(() => ProcessGroup.Gloo(store, 0, 2, Ranks.Loopback, s_short));

        Assert.Contains("rank 0 of 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_that_do_not_suit_a_collective_are_refused() =>
        Ranks.Run(
            1,
            group =>
            {
                var strided = zeros([4, 2]).select(1, 0);

                Assert.Throws<ArgumentException>(() => group.AllGather(zeros([4]), ones([2])));
                Assert.Throws<ArgumentException>(() => group.AllReduce(strided));
                Assert.Throws<ArgumentException>(() => group.Broadcast(strided, 0));
                Assert.Throws<ArgumentException>(() => group.AllGather(strided, ones([4])));
            }
        );

    [Fact]
    public void A_rank_outside_the_group_is_refused()
    {
        var store = new MemoryStore();

        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessGroup.Gloo(store, 2, 2, Ranks.Loopback, s_short));
    }

    /// <summary>
    /// Runs <paramref name="body"/> as two ranks of a group with a short timeout. The timeout bounds joining too, which takes longer on a
    /// busy machine, so it is doubled until the ranks have joined.
    /// </summary>
    private static void Together(Action<ProcessGroup> body)
    {
        var allJoined = false;
        for (var timeout = s_short; !allJoined; timeout *= 2)
        {
            using var tried = new CountdownEvent(2);
            allJoined = true;
            Ranks.Run(
                2,
                (rank, store) =>
                {
                    using var scope = NewDisposeScope();
                    ProcessGroup? group = null;
                    try
                    {
                        group = ProcessGroup.Gloo(store, rank, 2, Ranks.Loopback, timeout);
                    }
                    catch (DistributedException)
                    {
                        allJoined = false;
                    }

                    tried.Signal();
                    tried.Wait();
                    using (group)
                    {
                        if (allJoined)
                        {
                            body(group!);
                        }
                    }
                }
            );
        }
    }

    private static void AllReduce(ProcessGroup group, Tensor x)
    {
        var work = group.AllReduce(x);
        work.Wait();
    }
}
