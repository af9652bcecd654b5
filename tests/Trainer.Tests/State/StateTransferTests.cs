using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.State;

public sealed class StateTransferTests : IDisposable
{
    private const int Pairs = 4;
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-transfer-").FullName;

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Bf16)]
    public void A_fresh_rank_that_receives_the_state_continues_bitwise_like_the_others(Precision precision)
    {
        var options = Options(precision, shard: false);
        var unbroken = Ranks.Run(3, group => InState(group, options, state => WeightsAfter(state, group, 4)));
        var rejoined = Ranks.Run(
            3,
            group =>
                InState(
                    group,
                    options,
                    state =>
                    {
                        WeightsAfter(state, group, 2);
                        using var fresh = new TrainingState(options with { Seed = 99 });
                        var mine = group.Rank == 2 ? fresh : state;
                        StateTransfer.Broadcast(mine, group, sourceRank: 1);
                        Assert.Equal((2, 2 * 3 * Pairs), (mine.Step, mine.Samples));
                        return WeightsAfter(mine, group, 4);
                    }
                )
        );
        Assert.Equal(unbroken, rejoined);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fresh_states_take_rank_0s_weights_even_with_sharded_moments(bool shard)
    {
        var options = Options(Precision.Fp32, shard);
        var alike = Ranks.Run(3, group => InState(group, options, state => WeightsAfter(state, group, 2)));
        var shared = Ranks.Run(
            3,
            group =>
                InState(
                    group,
                    options with
                    {
                        Seed = group.Rank == 0 ? options.Seed : 99,
                    },
                    state =>
                    {
                        StateTransfer.ShareFresh(state, group);
                        return WeightsAfter(state, group, 2);
                    }
                )
        );
        Assert.Equal(alike, shared);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_checkpoint_read_by_rank_0_restores_all_ranks(bool shard)
    {
        var options = Options(Precision.Fp32, shard);
        var unbroken = Ranks.Run(
            3,
            group =>
                InState(
                    group,
                    options,
                    state =>
                    {
                        WeightsAfter(state, group, 2);
                        using (var snapshot = StateTransfer.Gather(state, group))
                        {
                            snapshot?.Write(new CheckpointDirectory(_folder), "config", "corpus", new Retention(1), []);
                        }

                        return WeightsAfter(state, group, 4);
                    }
                )
        );
        var resumed = Ranks.Run(
            3,
            group =>
                InState(
                    group,
                    options with
                    {
                        Seed = 99,
                    },
                    state =>
                    {
                        StateTransfer.Load(state, group, new CheckpointDirectory(_folder), 2, "config", "corpus");
                        return WeightsAfter(state, group, 4);
                    }
                )
        );
        Assert.Equal(unbroken, resumed);
    }

    [Fact]
    public void A_checkpoint_is_the_same_whether_the_optimizer_is_sharded_or_not()
    {
        byte[][] Files(bool shard)
        {
            var checkpoints = new CheckpointDirectory(Path.Combine(_folder, $"{shard}"));
            Ranks.Run(
                3,
                group =>
                    InState(
                        group,
                        Options(Precision.Fp32, shard),
                        state =>
                        {
                            WeightsAfter(state, group, 2);
                            using var snapshot = StateTransfer.Gather(state, group);
                            Assert.Equal(group.Rank == 0, snapshot is not null);
                            snapshot?.Write(checkpoints, "config", "corpus", new Retention(1), []);
                            return 0;
                        }
                    )
            );
            return
            [
                .. new[] { CheckpointDirectory.ModelFile, CheckpointDirectory.OptimizerFile }.Select(file =>
                    File.ReadAllBytes(Path.Combine(checkpoints.PathOf(2), file))
                ),
            ];
        }

        Assert.Equal(Files(shard: false), Files(shard: true));
    }

    [Fact]
    public void A_checkpoint_that_rank_0_cannot_read_is_rejected_on_all_ranks()
    {
        var errors = Ranks.Run(
            2,
            group =>
            {
                using var state = new TrainingState(Options(Precision.Fp32, shard: false));
                return Assert
                    .Throws<WeightsException>(() =>
                        StateTransfer.Load(state, group, new CheckpointDirectory(_folder), 7, "config", "corpus")
                    )
                    .Message;
            }
        );
        Assert.Contains("rank 0 could not load", errors[1], StringComparison.Ordinal);
        Assert.DoesNotContain("rank 0", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_rank_that_holds_only_a_slice_is_rejected_as_a_source_on_all_ranks()
    {
        var errors = Ranks.Run(
            2,
            group =>
            {
                using var state = new TrainingState(Options(Precision.Fp32, shard: true), null, group.Rank, group.WorldSize);
                Assert.Throws<InvalidOperationException>(() => state.Snapshot());
                return Assert.Throws<InvalidOperationException>(() => StateTransfer.Broadcast(state, group, 1)).Message;
            }
        );
        Assert.All(errors, error => Assert.Contains("Rank 1", error, StringComparison.Ordinal));
    }

    [Fact]
    public void A_failed_transfer_leaves_the_receivers_state_unchanged()
    {
        float[] before = [],
            after = [];
        Exception? error = null;
        Assert.Throws<OperationCanceledException>(() =>
            Ranks.Run<int>(
                2,
                group =>
                {
                    // The source announces a state, sends only the weights and disappears.
                    using var state = new TrainingState(Options(Precision.Fp32, shard: false) with { Seed = (ulong)group.Rank });
                    if (group.Rank == 0)
                    {
                        group.AllGather([1, 9, 9, 9, 0, 0, 0, 0]);
                        group.Broadcast(state.Model.Parameters.Master, 0);
                        throw new OperationCanceledException();
                    }

                    before = state.Model.Parameters.Master.AsSpan<float>().ToArray();
                    error = Record.Exception(() => StateTransfer.Broadcast(state, group, 0));
                    after = state.Model.Parameters.Master.AsSpan<float>().ToArray();
                    Assert.Equal(0, state.Step);
                    return 1;
                }
            )
        );
        Assert.IsType<DistributedException>(error);
        Assert.NotEmpty(before);
        Assert.Equal(before, after);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static RunOptions Options(Precision precision, bool shard) =>
        TinyClip.Run(precision) with
        {
            Training = TinyClip.Run(precision).Training with { ShardOptimizer = shard },
        };

    private static T InState<T>(RankGroup group, RunOptions options, Func<TrainingState, T> body)
    {
        using var state = new TrainingState(options, null, group.Rank, group.WorldSize);
        return body(state);
    }

    private static float[] WeightsAfter(TrainingState state, RankGroup group, int untilStep)
    {
        using var step = new TrainingStep(
            state,
            Options(Precision.Fp32, shard: false).Training,
            group,
            new LearningRateSchedule(1e-2, 2, 10)
        );
        var counts = Enumerable.Repeat((long)Pairs, group.WorldSize).ToArray();
        while (state.Step < untilStep)
        {
            step.Take(TinyClip.Batch((((int)state.Step * group.WorldSize) + group.Rank) * Pairs, Pairs), counts);
        }

        return state.Model.Parameters.Master.AsSpan<float>().ToArray();
    }
}
