using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.Parameters;

public sealed class TextWeightsTests
{
    private const int GlobalBatch = 12;

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Bf16)]
    [InlineData(Precision.Fp16)]
    public void Only_the_text_towers_matrices_are_kept_in_bf16_and_without_a_copy(Precision precision)
    {
        using var state = new TrainingState(Run(WeightType.Bf16, precision));
        var parameters = state.Model.Parameters;
        foreach (var spec in parameters.Specs)
        {
            var isTexts = !spec.Name.StartsWith("visual.", StringComparison.Ordinal) && spec.Shape.Count == 2;
            Assert.Equal(isTexts, spec.IsNarrow);
            Assert.Equal(
                isTexts ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32,
                parameters.View(parameters.Weights, spec.Name).dtype
            );
        }

        using var plain = new TrainingState(Run(WeightType.Fp32, precision));
        var narrow = parameters.Weights.Narrow.numel();
        Assert.True(narrow > 0);
        Assert.Equal(Bytes(plain) - (narrow * 2) - (precision == Precision.Fp32 ? 0 : TableFree(state) * 2), Bytes(state));
    }

    [Fact]
    public void The_losses_of_a_tiny_run_are_within_five_percent_of_fp32()
    {
        var (fp32, rounded) = (Losses(WeightType.Fp32), Losses(WeightType.Bf16));
        Assert.NotEqual(fp32, rounded);
        // The model learns the pairs: the loss falls to less than half.
        Assert.InRange(fp32[^1], 0, fp32[0] / 2);
        Assert.All(fp32.Zip(rounded), pair => Assert.Equal(pair.First, pair.Second, 0.05 * fp32[0]));
    }

    private static RunOptions Run(WeightType textWeights, Precision precision = Precision.Fp32)
    {
        var run = TinyClip.Run(precision, GlobalBatch);
        return run with { Training = run.Training with { TextWeights = textWeights } };
    }

    /// <summary>Size of the parameters in bytes, including copies.</summary>
    private static long Bytes(TrainingState state)
    {
        var parameters = state.Model.Parameters;
        return (parameters.Weights.Narrow.numel() * 2) + (parameters.Weights.Wide.numel() * 4) + ((parameters.Compute?.numel() ?? 0) * 2);
    }

    /// <summary>bf16 weights that would otherwise also have a copy in the compute type.</summary>
    private static long TableFree(TrainingState state) =>
        state
            .Model.Parameters.Specs.Where(spec => spec is { IsNarrow: true, InComputeType: true })
            .Sum(spec => state.Model.Parameters.SliceOf(spec.Name).Length);

    /// <summary>Losses of passes over the same pairs, as means of ten.</summary>
    private static double[] Losses(WeightType textWeights)
    {
        Threads.Set(1);
        using var state = new TrainingState(Run(textWeights));
        using var step = new TrainingStep(state, Run(textWeights).Training, new RankGroup(), new LearningRateSchedule(1e-3, 5, 200));
        return
        [
            .. Enumerable
                .Range(0, 120)
                .Select(i => step.Take(TinyClip.Batch(i % 4 * GlobalBatch, GlobalBatch), [GlobalBatch]).Loss)
                .Chunk(10)
                .Select(losses => losses.Average()),
        ];
    }
}
