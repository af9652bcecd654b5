using System.Diagnostics;
using static ClipTrain.Torch.torch;
using static ClipTrain.Torch.torch.distributed;

namespace ClipTrain.Torch.Tests;

public sealed class DistributedFailureTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_collective_fails_when_a_peer_has_left_and_the_rest_can_form_a_new_group()
    {
        Ranks.Run(3, (rank, store) =>
        {
            using DisposeScope scope = NewDisposeScope();
            using (var first = new PrefixStore("g0", store))
            {
                using ProcessGroup group = ProcessGroup.Gloo(first, rank, 3, Ranks.Loopback, Ranks.Patience);
                using Work together = group.barrier();
                together.wait();
                if (rank == 2)
                {
                    return;
                }

                DistributedException e = Assert.Throws<DistributedException>(() => AllReduce(group, ones([10])));
                Assert.Contains("all_reduce on rank", e.Message, StringComparison.Ordinal);
            }

            using var second = new PrefixStore("g1", store);
            using ProcessGroup rest = ProcessGroup.Gloo(second, rank, 2, Ranks.Loopback, Ranks.Patience);
            Tensor x = ones([10]);
            AllReduce(rest, x);
            Assert.Equal(20, x.sum().item<float>());
        });
    }

    [Fact]
    public void A_collective_fails_when_a_peer_process_was_killed()
    {
        using DisposeScope scope = NewDisposeScope();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("cliptrain-store");
        using var store = new CallbackStore(new FileStore(folder.FullName));
        using var prefixed = new PrefixStore("g0", store);
        using Process peer = PythonPeer.Start("doomed_peer.py", folder.FullName, "g0");
        using ProcessGroup group = ProcessGroup.Gloo(prefixed, 0, 2, Ranks.Loopback, Ranks.Patience);
        Tensor x = ones([3]);
        AllReduce(group, x);
        Assert.Equal([3f, 3f, 3f], x.AsSpan<float>().ToArray());
        peer.WaitForExit();
        folder.Delete(recursive: true);

        Assert.Throws<DistributedException>(() => AllReduce(group, x));
    }

    [Fact]
    public void A_collective_that_a_peer_never_joins_fails_at_the_time_out()
    {
        using var release = new ManualResetEventSlim();
        Ranks.Run(
            2,
            group =>
            {
                if (group.rank == 1)
                {
                    release.Wait();
                    return;
                }

                try
                {
                    DistributedException e = Assert.Throws<DistributedException>(() => AllReduce(group, ones([10])));
                    Assert.Contains("imed out", e.Message, StringComparison.Ordinal);
                }
                finally
                {
                    release.Set();
                }
            },
            timeout: s_short);
    }

    [Fact]
    public void A_wait_may_be_shorter_than_the_groups_time_out()
    {
        using var release = new ManualResetEventSlim();
        Ranks.Run(2, group =>
        {
            using Work work = group.rank == 0 ? group.all_reduce(ones([10])) : WaitThenStart();
            Work WaitThenStart()
            {
                release.Wait();
                return group.all_reduce(ones([10]));
            }

            if (group.rank == 0)
            {
                try
                {
                    Assert.Throws<DistributedException>(() => work.wait(TimeSpan.FromMilliseconds(100)));
                }
                finally
                {
                    release.Set();
                }
            }

            work.wait();
        });
    }

    [Fact]
    public void A_group_that_not_all_join_fails_at_the_time_out()
    {
        using var store = new CallbackStore(new MemoryStore());

        DistributedException e = Assert.Throws<DistributedException>(
            () => ProcessGroup.Gloo(store, 0, 2, Ranks.Loopback, s_short));

        Assert.Contains("rank 0 of 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_that_do_not_suit_a_collective_are_refused() =>
        Ranks.Run(1, group =>
        {
            Tensor strided = zeros([4, 2]).select(1, 0);

            Assert.Throws<DistributedException>(() => group.all_gather([zeros([2]), zeros([2])], ones([2])));
            Assert.Throws<ArgumentException>(() => group.all_reduce(strided));
            Assert.Throws<ArgumentException>(() => group.broadcast(strided, 0));
            Assert.Throws<ArgumentException>(() => group.all_gather([strided], ones([4])));
        });

    [Fact]
    public void A_rank_outside_the_group_is_refused()
    {
        using var store = new CallbackStore(new MemoryStore());

        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessGroup.Gloo(store, 2, 2, Ranks.Loopback, s_short));
    }

    [Fact]
    public void Without_NCCL_the_error_says_what_to_do()
    {
        if (cuda.is_available())
        {
            return;
        }

        using var store = new CallbackStore(new MemoryStore());

        DistributedException e = Assert.Throws<DistributedException>(() => ProcessGroup.Nccl(store, 0, 1, s_short));

        Assert.Contains("Gloo", e.Message, StringComparison.Ordinal);
    }

    private static void AllReduce(ProcessGroup group, Tensor x)
    {
        using Work work = group.all_reduce(x);
        work.wait();
    }
}
