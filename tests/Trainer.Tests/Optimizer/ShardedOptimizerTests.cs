using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Optimizer;

public class ShardedOptimizerTests
{
    private const int Pairs = 5;

    [Theory]
    [InlineData(1, Precision.Fp32)]
    [InlineData(2, Precision.Fp32)]
    [InlineData(3, Precision.Fp32)]
    [InlineData(4, Precision.Fp32)]
    [InlineData(3, Precision.Bf16)]
    public void Weights_moments_and_norms_are_bitwise_those_without_sharding(int worldSize, Precision precision)
    {
        var plain = Train(worldSize, precision, shard: false);
        var sharded = Train(worldSize, precision, shard: true);
        foreach (var (expected, actual) in plain.Zip(sharded))
        {
            Assert.Equal(expected.Norms, actual.Norms);
            Assert.Equal(expected.Master, actual.Master);
            Assert.Equal(expected.Compute, actual.Compute);
        }

        Assert.Equal(plain[0].Moments, sharded.SelectMany(rank => rank.Moments));
    }

    [Fact]
    public void A_rank_holds_only_its_slice_of_the_moments()
    {
        var options = TinyClip.Run() with { Training = TinyClip.Run().Training with { ShardOptimizer = true } };
        using var state = new TrainingState(options, rank: 1, worldSize: 4);
        var elements = state.Model.Parameters.Master.numel();
        Assert.Equal(FlatSlice.Of(elements, 1, 4), state.Optimizer.Held);
        Assert.Equal(state.Optimizer.Held.Length, state.Optimizer.Moments.First.Values.numel());
        Assert.InRange(state.Optimizer.Held.Length, elements / 4, (elements / 4) + FlatSlice.Alignment);
        state.SetRank(0, 1);
        Assert.True(state.Optimizer.HoldsAll);
    }

    [Fact]
    public void A_non_finite_gradient_on_one_rank_stops_all_ranks_before_the_update()
    {
        var options = TinyClip.Run() with { Training = TinyClip.Run().Training with { ShardOptimizer = true } };
        var weights = Ranks.Run(
            3,
            group =>
            {
                using var state = new TrainingState(options, null, group.Rank, group.WorldSize);
                var before = state.Model.Parameters.Master.AsSpan<float>().ToArray();
                var batch = TinyClip.Batch(group.Rank * Pairs, Pairs);
                if (group.Rank == 1)
                {
                    batch.Images_b3SS.AsSpan<float>()[0] = float.PositiveInfinity;
                }

                using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
                Assert.Throws<NonFiniteException>(() => step.Take(batch, [Pairs, Pairs, Pairs]));
                Assert.All(state.Optimizer.Moments.Second.Values.AsSpan<float>().ToArray(), moment => Assert.Equal(0, moment));
                return (before, after: state.Model.Parameters.Master.AsSpan<float>().ToArray());
            }
        );
        Assert.All(weights, rank => Assert.Equal(rank.before, rank.after));
    }

    [Fact]
    public void A_rank_lost_during_the_update_leaves_the_others_states_intact()
    {
        float[] before = [],
            after = [],
            moments = [];
        Exception? error = null;
        Assert.Throws<OperationCanceledException>(() =>
            Ranks.Run<int>(
                2,
                group =>
                {
                    var options = TinyClip.Run() with { Training = TinyClip.Run().Training with { ShardOptimizer = true } };
                    using var state = new TrainingState(options, null, group.Rank, group.WorldSize);
                    group.Barrier();
                    if (group.Rank == 0)
                    {
                        throw new OperationCanceledException();
                    }

                    before = state.Model.Parameters.Master.AsSpan<float>().ToArray();
                    error = Record.Exception(() =>
                        state.Optimizer.UpdateSharded(group, ones([state.Optimizer.Held.Length]), new OptimizerStep(1, 1, 1e-2, 1))
                    );
                    after = state.Model.Parameters.Master.AsSpan<float>().ToArray();
                    moments =
                    [
                        .. state.Optimizer.Moments.First.Values.AsSpan<float>(),
                        .. state.Optimizer.Moments.Second.Values.AsSpan<float>(),
                    ];
                    return 1;
                }
            )
        );
        Assert.IsType<DistributedException>(error);
        Assert.NotEmpty(before);
        Assert.Equal(before, after);
        Assert.All(moments, moment => Assert.Equal(0, moment));
    }

    [Fact]
    public void A_new_gradient_buffer_has_separate_memory_and_the_step_uses_it()
    {
        using var state = new TrainingState(TinyClip.Run());
        using var other = new TrainingState(TinyClip.Run());
        using var abandoned = state.Model.Parameters.Gradients.detach();
        state.Model.Parameters.ReplaceGradients();
        abandoned.fill_(float.NaN);
        foreach (var each in new[] { state, other })
        {
            new TrainingStep(each, TinyClip.Run().Training, new RankGroup(), new LearningRateSchedule(1e-2, 2, 10)).Take(
                TinyClip.Batch(0, Pairs),
                [Pairs]
            );
        }

        Assert.Equal(other.Model.Parameters.Master.AsSpan<float>(), state.Model.Parameters.Master.AsSpan<float>());
    }

    private static (double[] Norms, float[] Master, float[] Compute, (float, float)[] Moments)[] Train(
        int worldSize,
        Precision precision,
        bool shard
    ) =>
        Ranks.Run(
            worldSize,
            group =>
            {
                var options = TinyClip.Run(precision) with { Training = TinyClip.Run(precision).Training with { ShardOptimizer = shard } };
                using var state = new TrainingState(options, null, group.Rank, worldSize);
                Assert.Equal(!shard || worldSize == 1, state.Optimizer.HoldsAll);
                using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
                var counts = Enumerable.Repeat((long)Pairs, worldSize).ToArray();
                var norms = Enumerable
                    .Range(0, 4)
                    .Select(i => step.Take(TinyClip.Batch(((i * worldSize) + group.Rank) * Pairs, Pairs), counts).GradientNorm)
                    .ToArray();
                var parameters = state.Model.Parameters;
                return (
                    norms,
                    parameters.Master.AsSpan<float>().ToArray(),
                    parameters.Compute is null ? [] : parameters.Compute.to(float32).AsSpan<float>().ToArray(),
                    state
                        .Optimizer.Moments.First.Values.AsSpan<float>()
                        .ToArray()
                        .Zip(state.Optimizer.Moments.Second.Values.AsSpan<float>().ToArray())
                        .ToArray()
                );
            }
        );
}
