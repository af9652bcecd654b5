using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.State;

public sealed class LossScaleTests
{
    private const int Pairs = 6;
    private static readonly LossScale s_tooLarge = new(Math.Pow(2, 40), 7);

    [Fact]
    public void The_scale_doubles_after_two_thousand_updates_and_halves_at_an_overflow()
    {
        var scale = LossScale.Of(Precision.Fp16);
        Assert.Equal(65_536, scale.Factor);
        for (var i = 0; i < 1_999; i++)
        {
            scale = scale.AfterUpdate();
        }

        Assert.Equal(65_536, scale.Factor);
        scale = scale.AfterUpdate();
        Assert.Equal(new LossScale(131_072, 0), scale);
        Assert.Equal(new LossScale(65_536, 0), scale.AfterUpdate().AfterOverflow());
        Assert.False(new LossScale(1, 0).CanShrink);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void A_step_that_overflows_changes_no_weight_or_moment_and_is_counted_on_every_rank(int world, bool shard)
    {
        var run = Run(shard);
        Ranks.Run(
            world,
            group =>
            {
                using var state = new TrainingState(run, null, group.Rank, group.WorldSize) { LossScale = s_tooLarge };
                var before = Bits(state);
                using var step = Step(state, run, group);
                var result = Take(step, state, group);
                Assert.Equal((0, 0, s_tooLarge.Factor), (result.GradientNorm, result.LearningRate, result.LossScale!.Value));
                Assert.True(double.IsFinite(result.Loss));
                Assert.Equal((1, 1, world * Pairs), (state.Step, state.SkippedSteps, state.Samples));
                Assert.Equal(new LossScale(s_tooLarge.Factor / 2, 0), state.LossScale);
                Assert.Equal(before, Bits(state));
                return 0;
            }
        );
    }

    [Fact]
    public void After_skipped_steps_a_run_continues_at_the_current_step_of_the_schedule()
    {
        var run = Run(shard: false);
        using var state = new TrainingState(run) { LossScale = s_tooLarge };
        using var step = Step(state, run, new RankGroup());
        while (state.SkippedSteps == state.Step)
        {
            Take(step, state, new RankGroup());
        }

        Assert.InRange(state.SkippedSteps, 2, 40);

        using var other = new TrainingState(run)
        {
            Step = state.SkippedSteps,
            SkippedSteps = state.SkippedSteps,
            LossScale = new LossScale(state.LossScale.Factor, 0),
        };
        using var otherStep = Step(other, run, new RankGroup());
        Take(otherStep, other, new RankGroup());
        Assert.Equal(Bits(other), Bits(state));
        Assert.Equal(other.LossScale, state.LossScale);
    }

    [Fact]
    public void Gradients_and_norms_do_not_depend_on_the_scale_where_fp16_holds_them()
    {
        var run = Run(shard: false);
        var results = new[] { 64.0, 512.0 }
            .Select(factor =>
            {
                using var state = new TrainingState(run) { LossScale = new LossScale(factor, 0) };
                using var step = Step(state, run, new RankGroup());
                var result = Take(step, state, new RankGroup());
                Assert.Equal(0, state.SkippedSteps);
                return result.GradientNorm;
            })
            .ToArray();
        Assert.Equal(results[0], results[1], results[0] * 1e-3);
    }

    [Fact]
    public void Gradients_that_overflow_without_a_scale_are_an_error()
    {
        var run = Run(shard: false);
        using var state = new TrainingState(run) { LossScale = new LossScale(1, 0) };
        // Layers with large gains make gradients overflow, while embeddings of unit length do not.
        var parameters = state.Model.Parameters;
        parameters.View(parameters.Weights, "transformer.resblocks.0.mlp.c_proj.weight").mul_(1e-4);
        parameters.View(parameters.Weights, "ln_final.weight").mul_(1e30);
        parameters.RefreshCompute();
        using var step = Step(state, run, new RankGroup());
        Assert.Throws<NonFiniteException>(() => Take(step, state, new RankGroup()));
        Assert.Equal((0, 0), (state.Step, state.SkippedSteps));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Convolutions_train_in_fp16(bool resNet)
    {
        var run = TinyClip.Run(Precision.Fp16) with
        {
            Model = resNet
                ? TinyClip.ResNet
                : TinyClip.Model with
                {
                    Image = TinyClip.Model.Image with { PatchEmbedding = PatchEmbedding.Convolution },
                },
        };
        using var state = new TrainingState(run) { LossScale = new LossScale(64, 0) };
        using var step = Step(state, run, new RankGroup());
        var losses = Enumerable
            .Range(0, 12)
            .Select(_ => step.Take(TinyClip.Batch(0, Pairs, tower: run.Model.Image), [Pairs]).Loss)
            .ToArray();
        Assert.All(losses, loss => Assert.True(double.IsFinite(loss)));
        Assert.True(losses[^1] < losses[0], $"{losses[0]} → {losses[^1]} with {state.SkippedSteps} skipped");
    }

    private static RunOptions Run(bool shard) =>
        TinyClip.Run(Precision.Fp16) with
        {
            Training = TinyClip.Run(Precision.Fp16).Training with { ShardOptimizer = shard },
        };

    private static TrainingStep Step(TrainingState state, RunOptions run, RankGroup group) =>
        new(state, run.Training, group, new LearningRateSchedule(1e-2, 5, 100));

    private static StepResult Take(TrainingStep step, TrainingState state, RankGroup group) =>
        step.Take(
            TinyClip.Batch((((int)state.Step * group.WorldSize) + group.Rank) * Pairs, Pairs),
            [.. Enumerable.Repeat((long)Pairs, group.WorldSize)]
        );

    private static float[] Bits(TrainingState state) =>
        [
            .. state.Model.Parameters.Master.AsSpan<float>(),
            .. state.Optimizer.Moments.First.Values.AsSpan<float>(),
            .. state.Optimizer.Moments.Second.Values.AsSpan<float>(),
        ];
}
