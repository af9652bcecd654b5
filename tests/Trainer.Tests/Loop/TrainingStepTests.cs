using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.Loop;

public class TrainingStepTests
{
    [Theory]
    [InlineData(Objective.Contrastive, Precision.Fp32)]
    [InlineData(Objective.Contrastive, Precision.Bf16)]
    [InlineData(Objective.Sigmoid, Precision.Fp32)]
    [InlineData(Objective.Sigmoid, Precision.Bf16)]
    [InlineData(Objective.Captioning, Precision.Fp32)]
    [InlineData(Objective.Captioning, Precision.Bf16)]
    [InlineData(Objective.Classification, Precision.Fp32)]
    [InlineData(Objective.Classification, Precision.Bf16)]
    [InlineData(Objective.Contrastive, Precision.Fp16)]
    [InlineData(Objective.Sigmoid, Precision.Fp16)]
    [InlineData(Objective.Captioning, Precision.Fp16)]
    [InlineData(Objective.Classification, Precision.Fp16)]
    [InlineData(Objective.TwoViews, Precision.Fp32)]
    [InlineData(Objective.TwoViews, Precision.Bf16)]
    [InlineData(Objective.TwoViews, Precision.Fp16)]
    public void Repeating_a_batch_lowers_its_loss(Objective objective, Precision precision)
    {
        using var state = new TrainingState(TinyClip.Run(precision, objective: objective));
        var step = Step(state);
        // The first fp16 steps find the scale at which these large gradients do not overflow.
        var steps = precision == Precision.Fp16 ? 60 : 30;
        var losses = Enumerable
            .Range(0, steps)
            .Select(_ => step.Take(TinyClip.Batch(0, 12, views: objective.Views()), [12]).Loss)
            .ToArray();
        Assert.True(losses[^1] < losses[0] / 4, $"{losses[0]} → {losses[^1]}");
        Assert.Equal(steps, state.Step);
        Assert.Equal(steps * 12, state.Samples);
        Assert.InRange(state.SkippedSteps, 0, precision == Precision.Fp16 ? 25 : 0);
    }

    [Theory]
    [InlineData(Precision.Bf16, 0.03)]
    [InlineData(Precision.Fp16, 0.004)]
    public void A_step_in_half_precision_agrees_with_fp32_to_that_precision(Precision half, double bound)
    {
        var gradients = new[] { Precision.Fp32, half }
            .Select(precision =>
            {
                using var state = new TrainingState(TinyClip.Run(precision));
                Step(state).ComputeGradients(TinyClip.Batch(0, 12), [12]);
                return state.Model.Parameters.Gradients.AsSpan<float>().ToArray();
            })
            .ToArray();
        Assert.InRange(Norms.RelativeDifference(gradients[1], gradients[0]), 1e-6, bound);
    }

    [Theory]
    [InlineData(Precision.Bf16)]
    [InlineData(Precision.Fp16)]
    public void A_run_in_half_precision_keeps_compute_weights_equal_to_the_rounded_master_weights(Precision precision)
    {
        using var state = new TrainingState(TinyClip.Run(precision));
        var step = Step(state);
        for (var i = 0; i < 3; i++)
        {
            step.Take(TinyClip.Batch(i * 12, 12), [12]);
        }

        var parameters = state.Model.Parameters;
        using var expected = parameters.Master.narrow(0, 0, parameters.Compute!.numel()).to(parameters.ComputeType);
        Assert.True(expected.eq(parameters.Compute).all().item<bool>());
    }

    [Fact]
    public void A_non_finite_pixel_stops_before_the_update_and_names_step_rank_and_sample()
    {
        using var state = new TrainingState(TinyClip.Run());
        var step = Step(state);
        step.Take(TinyClip.Batch(0, 12), [12]);
        var before = state.Model.Parameters.Master.AsSpan<float>().ToArray();
        var batch = TinyClip.Batch(12, 12);
        batch.Images_b3SS.AsSpan<float>()[(5 * 3 * 24 * 24) + 17] = float.NaN;

        var error = Assert.Throws<NonFiniteException>(() => step.Take(batch, [12]));

        Assert.Contains("Step 2, rank 0", error.Message, StringComparison.Ordinal);
        Assert.Contains("image embedding", error.Message, StringComparison.Ordinal);
        Assert.Contains("sample-17", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, state.Model.Parameters.Master.AsSpan<float>().ToArray());
        Assert.Equal(1, state.Step);
    }

    [Fact]
    public void A_non_finite_weight_is_named_in_the_diagnosis()
    {
        using var state = new TrainingState(TinyClip.Run());
        state.Model.Parameters.View(state.Model.Parameters.Master, "logit_scale").AsSpan<float>()[0] = float.NaN;
        var error = Assert.Throws<NonFiniteException>(() => Step(state).Take(TinyClip.Batch(0, 12), [12]));
        Assert.Contains("gradient of", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, state.Step);
    }

    [Fact]
    public void The_logit_scale_stays_within_its_bounds()
    {
        using var state = new TrainingState(TinyClip.Run());
        state.Model.Parameters.View(state.Model.Parameters.Master, ClipModel.LogitScale).fill_(9);
        Step(state).Take(TinyClip.Batch(0, 12), [12]);
        Assert.Equal(Math.Log(100), state.Model.Parameters[ClipModel.LogitScale].item<float>(), 1e-5);
    }

    [Fact]
    public void Gradients_are_clipped_to_the_configured_norm()
    {
        // Adam's first update does not depend on the size of the gradient, but its first moment does.
        using var state = new TrainingState(TinyClip.Run());
        var result = Step(state).Take(TinyClip.Batch(0, 12), [12]);
        Assert.True(result.GradientNorm > 1, $"norm {result.GradientNorm}");
        Assert.Equal(0.1 * 1, Math.Sqrt(SumOfSquares.Of(state.Optimizer.Moments.First.Values)), 1e-5);
    }

    [Fact]
    public void Only_matrices_decay()
    {
        var decaying = ClipModel
            .Specs(TinyClip.Model)
            .Where(spec => spec.Decays)
            .Select(spec => spec.Name)
            .ToHashSet(StringComparer.Ordinal);
        Assert.Contains("visual.conv1.weight", decaying);
        Assert.Contains("token_embedding.weight", decaying);
        Assert.DoesNotContain("visual.class_embedding", decaying);
        Assert.DoesNotContain("logit_scale", decaying);
        Assert.DoesNotContain(
            decaying,
            name => name.EndsWith("bias", StringComparison.Ordinal) || name.Contains("ln_", StringComparison.Ordinal)
        );
    }

    private static TrainingStep Step(TrainingState state) =>
        new(state, TinyClip.Run().Training, new RankGroup(), new LearningRateSchedule(1e-2, 5, 100));
}
