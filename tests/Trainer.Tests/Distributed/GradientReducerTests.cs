using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Tests;
using ClipTrain.Trainer.Distributed;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Distributed;

using Ranks = ClipTrain.Torch.Tests.Ranks;

/// <summary>Counts live tensors and bytes of the process, so nothing runs beside it.</summary>
[CollectionDefinition(nameof(GradientReducerTests), DisableParallelization = true)]
[Collection(nameof(GradientReducerTests))]
public sealed class GradientReducerTests
{
    private static readonly GradientBucket[] s_whole = [new(0, FlatLeaves.Length)];
    private static readonly GradientBucket[] s_acrossLeaves = [new(500, 540), new(0, 3), new(3, 497)];

    public static TheoryData<int, string> Grid
    {
        get
        {
            var grid = new TheoryData<int, string>();
            foreach (var worldSize in new[] { 2, 3, 4 })
            {
                foreach (var cut in new[] { "whole", "leaves", "across" })
                {
                    grid.Add(worldSize, cut);
                }
            }

            return grid;
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void The_sums_are_bitwise_those_of_an_all_reduce_of_the_whole_buffer(int worldSize, string cut) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                var reduced = new FlatLeaves();
                var plain = new FlatLeaves();
                using var reducer = reduced.Reducer(group, Cut(cut));
                for (var step = 0; step < 3; step++)
                {
                    var seed = (10 * step) + group.Rank;
                    reducer.Begin(accumulate: false);
                    reduced.Backward(seed);
                    reducer.Collect([3, 2]);
                    reducer.Finish();

                    plain.Backward(seed);
                    plain.Collect(accumulate: false);
                    AllReduce(group, plain.Flat);

                    Assert.True(reduced.Flat.IsSame(plain.Flat));
                    Assert.All(reduced.Leaves, leaf => Assert.Null(leaf.grad));
                }
            }
        );

    [Theory]
    [MemberData(nameof(Grid))]
    public void Sums_that_round_are_bitwise_those_of_an_all_reduce_of_each_bucket(int worldSize, string cut) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                var reduced = new FlatLeaves();
                var plain = new FlatLeaves();
                using var reducer = reduced.Reducer(group, Cut(cut));

                reducer.Begin(accumulate: false);
                reduced.Backward(group.Rank, rounds: true);
                reducer.Finish();

                plain.Backward(group.Rank, rounds: true);
                plain.Collect(accumulate: false);
                foreach (var bucket in Cut(cut))
                {
                    AllReduce(group, plain.Flat.narrow(0, bucket.Offset, bucket.Length));
                }

                Assert.True(reduced.Flat.IsSame(plain.Flat));
            }
        );

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void The_last_of_three_micro_batches_reduces_what_all_have_left(int worldSize) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                var reduced = new FlatLeaves();
                var plain = new FlatLeaves();
                using var reducer = reduced.Reducer(group, FlatLeaves.Buckets);
                for (var batch = 0; batch < 3; batch++)
                {
                    var seed = (10 * batch) + group.Rank;
                    plain.Backward(seed);
                    plain.Collect(accumulate: batch > 0);
                    reducer.Begin(accumulate: batch > 0, reduce: batch == 2);
                    reduced.Backward(seed);
                    reducer.Finish();
                }

                AllReduce(group, plain.Flat);

                Assert.True(reduced.Flat.IsSame(plain.Flat));
            }
        );

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_idle_rank_takes_part_with_zeros_or_with_what_it_has(bool accumulate) =>
        Ranks.Run(
            3,
            group =>
            {
                var reduced = new FlatLeaves();
                var plain = new FlatLeaves();
                using var reducer = reduced.Reducer(group, FlatLeaves.Buckets);
                var idle = group.Rank == 1;

                reducer.Begin(accumulate);
                if (!idle)
                {
                    reduced.Backward(group.Rank);
                    plain.Backward(group.Rank);
                }

                reducer.Finish();
                plain.Collect(accumulate);
                AllReduce(group, plain.Flat);

                Assert.True(reduced.Flat.IsSame(plain.Flat));
            }
        );

    [Fact]
    public void Towers_may_run_backward_apart_and_in_another_order_on_each_rank() =>
        Ranks.Run(
            3,
            group =>
            {
                var reduced = new FlatLeaves();
                var plain = new FlatLeaves();
                using var reducer = reduced.Reducer(group, FlatLeaves.Buckets);
                int[][] towers =
                [
                    [0, 3],
                    [1],
                    [2],
                ];

                reducer.Begin(accumulate: false);
                for (var i = 0; i < towers.Length; i++)
                {
                    var tower = towers[(i + group.Rank) % towers.Length];
                    reduced.Backward(group.Rank, rounds: false, tower);
                    reducer.Collect(tower);
                }

                reducer.Finish();
                plain.Backward(group.Rank);
                plain.Collect(accumulate: false);
                AllReduce(group, plain.Flat);

                Assert.True(reduced.Flat.IsSame(plain.Flat));
            }
        );

    [Fact]
    public void A_bucket_is_reduced_before_the_backward_passes_are_over()
    {
        using var firstDone = new ManualResetEventSlim();
        Ranks.Run(
            2,
            group =>
            {
                var leaves = new FlatLeaves();
                if (group.Rank == 1)
                {
                    try
                    {
                        AllReduce(group, leaves.Flat.narrow(0, 1024, 16));
                    }
                    finally
                    {
                        firstDone.Set();
                    }

                    AllReduce(group, leaves.Flat.narrow(0, 0, 1024));
                    return;
                }

                using var reducer = leaves.Reducer(group, [new(1024, 16), new(0, 1024)]);
                reducer.Begin(accumulate: true);
                leaves.Backward(1, rounds: false, 3);
                reducer.Collect([3]);
                Assert.True(firstDone.Wait(Ranks.Patience), "The first bucket was not reduced.");
                leaves.Backward(1, rounds: false, 0, 1, 2);
                reducer.Finish();
            }
        );
    }

    [Fact]
    public void Without_a_group_gradients_are_only_moved()
    {
        using var scope = NewDisposeScope();
        var reduced = new FlatLeaves();
        var plain = new FlatLeaves();
        using var reducer = reduced.Reducer(group: null, s_acrossLeaves);

        reducer.Begin(accumulate: false);
        reduced.Backward(1, rounds: true);
        reducer.Finish();
        plain.Backward(1, rounds: true);
        plain.Collect(accumulate: false);

        Assert.True(reduced.Flat.IsSame(plain.Flat));
    }

    [Fact]
    public void A_hung_peer_is_aborted_and_another_reducer_serves_the_rest() =>
        HungPeer.Run(
            3,
            (group, store) =>
            {
                var leaves = new FlatLeaves();
                Work behind;
                using (var abort = new CancellationTokenSource(TimeSpan.FromMilliseconds(100)))
                using (var reducer = leaves.Reducer(group, FlatLeaves.Buckets))
                {
                    reducer.Begin(accumulate: false);
                    leaves.Backward(group.Rank);
                    behind = group.AllReduce(ones([1]));
                    Assert.True(Assert.Throws<DistributedException>(() => reducer.Finish(abort.Token)).Aborted);
                    group.Abandon();
                }

                var prefixed = new PrefixStore("next", store);
                using var next = ProcessGroup.Gloo(prefixed, group.Rank, 2, Ranks.Loopback, Ranks.Patience);
                var rest = new FlatLeaves();
                using var other = rest.Reducer(next, FlatLeaves.Buckets);
                other.Begin(accumulate: true);
                other.Finish();

                Assert.True(rest.Flat.IsSame(full([FlatLeaves.Length], 10.0)));
                // Nobody has waited for what hangs.
                Assert.False(behind.IsCompleted);
            }
        );

    [Fact]
    public void A_peer_that_leaves_is_a_failure_and_no_abort() =>
        Ranks.Run(
            2,
            (rank, store) =>
            {
                using var scope = NewDisposeScope();
                using var group = ProcessGroup.Gloo(store, rank, 2, Ranks.Loopback, Ranks.Patience);
                if (rank == 1)
                {
                    return;
                }

                var leaves = new FlatLeaves();
                using var reducer = leaves.Reducer(group, FlatLeaves.Buckets);
                reducer.Begin(accumulate: false);
                leaves.Backward(0);
                var e = Assert.Throws<DistributedException>(() => reducer.Finish());

                Assert.False(e.Aborted);
                Assert.Contains("AllReduce on rank 0 of 2", e.Message, StringComparison.Ordinal);
            }
        );

    [Fact]
    public void Nothing_leaks_over_a_thousand_iterations()
    {
        const int Stretch = 250;
        using var barrier = new Barrier(2);
        List<(long Handles, long Bytes)> marks = [];
        Ranks.Run(
            2,
            group =>
            {
                var leaves = new FlatLeaves();
                using var reducer = leaves.Reducer(group, FlatLeaves.Buckets);
                for (var step = 1; step <= 5 * Stretch; step++)
                {
                    reducer.Begin(accumulate: false);
                    leaves.Backward(1);
                    reducer.Finish();
                    if (step % Stretch == 0)
                    {
                        barrier.SignalAndWait();
                        if (group.Rank == 0)
                        {
                            marks.Add((torch.Tensor.TotalCount, NativeHeap.AllocatedBytes()));
                        }

                        barrier.SignalAndWait();
                    }
                }
            }
        );

        // What earlier tests left to the garbage collector may go meanwhile.
        Assert.All(marks, mark => Assert.InRange(mark.Handles, 0, marks[0].Handles));

        // A work of 200 bytes a bucket would be 300 kB a stretch; the runtime's compiler does not grow in all of them.
        var growth = marks.Zip(marks.Skip(1), (before, after) => after.Bytes - before.Bytes);
        Assert.InRange(growth.Min(), long.MinValue, 128 * 1024);
    }

    [Fact]
    public void A_leaf_that_is_collected_twice_is_refused()
    {
        using var scope = NewDisposeScope();
        using var reducer = new FlatLeaves().Reducer(group: null, s_whole);
        Assert.Throws<InvalidOperationException>(() => reducer.Collect([1]));
        reducer.Begin(accumulate: false);
        reducer.Collect([1]);

        var e = Assert.Throws<InvalidOperationException>(() => reducer.Collect([1]));

        Assert.Contains("Leaf 1 was collected twice", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Begin_and_Finish_take_turns()
    {
        using var scope = NewDisposeScope();
        using var reducer = new FlatLeaves().Reducer(group: null, s_whole);

        Assert.Throws<InvalidOperationException>(() => reducer.Finish());
        reducer.Begin(accumulate: false);
        Assert.Throws<InvalidOperationException>(() => reducer.Begin(accumulate: false));
        reducer.Finish();
    }

    [Fact]
    public void Buckets_that_do_not_cover_the_buffer_once_are_refused()
    {
        using var scope = NewDisposeScope();
        GradientBucket[][] wrong =
        [
            [],
            [new(0, 1039)],
            [new(0, 1041)],
            [new(1, 1039)],
            [new(0, 20), new(19, 1021)],
            [new(0, 20), new(21, 1019)],
            [new(0, 1040), new(1040, 0)],
        ];

        Assert.All(wrong, buckets => Assert.Throws<ArgumentException>(() => new FlatLeaves().Reducer(group: null, buckets)));
    }

    [Fact]
    public void Tensors_that_are_no_leaves_of_the_buffer_are_refused()
    {
        using var scope = NewDisposeScope();
        var leaf = zeros([4], requires_grad: true);
        var flat = zeros([4]);

        Assert.Contains("not a leaf", Refusal(leaf * 2, 0), StringComparison.Ordinal);
        Assert.Contains("not a leaf", Refusal(zeros([4]), 0), StringComparison.Ordinal);
        Assert.Contains("does not fit a buffer of 4", Refusal(leaf, 1), StringComparison.Ordinal);

        string Refusal(torch.Tensor tensor, long offset) =>
            Assert.Throws<ArgumentException>(() => new GradientReducer([new FlatLeaf(tensor, offset)], flat, null, [new(0, 4)])).Message;
    }

    private static GradientBucket[] Cut(string name) =>
        name switch
        {
            "whole" => s_whole,
            "leaves" => FlatLeaves.Buckets,
            _ => s_acrossLeaves,
        };

    private static void AllReduce(ProcessGroup group, torch.Tensor x)
    {
        var work = group.AllReduce(x);
        work.Wait();
    }
}
