using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Optimization;
using ClipTrain.Trainer.Training;

namespace ClipTrain.Trainer.Tests.Training;

public sealed class TextWeightsTests : IDisposable
{
    private const int GlobalBatch = 12;
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-rounded-").FullName;

    [Fact]
    public void After_a_step_the_text_towers_matrices_hold_values_of_bf16_and_no_others_need_to()
    {
        using var state = Train(Run(Precision.Bf16), new RankGroup(), 2);
        var parameters = state.Model.Parameters;
        foreach (var spec in parameters.Specs)
        {
            var values = parameters.View(parameters.Master, spec.Name).flatten().AsSpan<float>().ToArray();
            var held = values.All(value => (BitConverter.SingleToUInt32Bits(value) & 0xFFFF) == 0);
            var isTexts = !spec.Name.StartsWith("visual.", StringComparison.Ordinal) && spec.Shape.Count == 2;
            Assert.Equal(isTexts, spec.IsRounded);
            Assert.True(held == isTexts, spec.Name);
        }
    }

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Bf16)]
    public void Ranks_sharding_and_a_resume_round_alike(Precision precision)
    {
        var run = Run(precision) with { Training = Run(precision).Training with { TextWeights = Precision.Bf16 } };
        var sharded = run with { Training = run.Training with { ShardOptimizer = true } };
        var plain = Ranks.Run(3, group => Weights(run, group));
        Assert.All(plain.Concat(Ranks.Run(3, group => Weights(sharded, group))), weights => Assert.Equal(plain[0], weights));

        var checkpoints = new CheckpointDirectory(_folder);
        var resumed = Ranks.Run(3, group =>
        {
            using (var state = Train(sharded, group, 1))
            using (var snapshot = StateTransfer.Gather(state, group))
                snapshot?.Write(checkpoints, "", "", 1, []);
            group.Barrier();
            using var again = New(sharded, group);
            StateTransfer.Load(again, group, checkpoints, 1, "", "");
            Continue(again, sharded, group, 3);
            return again.Model.Parameters.Master.AsSpan<float>().ToArray();
        });
        Assert.All(resumed, weights => Assert.Equal(plain[0], weights));
    }

    [Fact]
    public void A_tiny_run_has_the_losses_of_one_in_fp32_within_a_twentieth()
    {
        var (fp32, rounded) = (Losses(Precision.Fp32), Losses(Precision.Bf16));
        Assert.NotEqual(fp32, rounded);
        // It learns the pairs: the loss falls to under a half.
        Assert.InRange(fp32[^1], 0, fp32[0] / 2);
        Assert.All(fp32.Zip(rounded), pair => Assert.Equal(pair.First, pair.Second, 0.05 * fp32[0]));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static RunOptions Run(Precision textWeights)
    {
        var run = TinyClip.Run(globalBatch: GlobalBatch);
        return run with { Training = run.Training with { TextWeights = textWeights } };
    }

    /// <summary>Of passes over the same pairs, in means of ten.</summary>
    private static double[] Losses(Precision textWeights)
    {
        using var state = New(Run(textWeights), new RankGroup());
        using var step = new TrainingStep(state, Run(textWeights).Training, new RankGroup(), new LearningRateSchedule(1e-3, 5, 200));
        return [.. Enumerable.Range(0, 120).Select(i => step.Take(TinyClip.Batch(i % 4 * GlobalBatch, GlobalBatch), [GlobalBatch]).Loss).Chunk(10).Select(losses => losses.Average())];
    }

    private static float[] Weights(RunOptions run, RankGroup group)
    {
        using var state = Train(run, group, 3);
        return state.Model.Parameters.Master.AsSpan<float>().ToArray();
    }

    private static TrainingState New(RunOptions run, RankGroup group)
    {
        Threads.Set(1);
        return new TrainingState(run, null, group.Rank, group.WorldSize);
    }

    private static TrainingState Train(RunOptions run, RankGroup group, int steps)
    {
        var state = New(run, group);
        Continue(state, run, group, steps);
        return state;
    }

    private static void Continue(TrainingState state, RunOptions run, RankGroup group, int steps)
    {
        using var step = new TrainingStep(state, run.Training, group, new LearningRateSchedule(1e-2, 2, 10));
        var slices = Enumerable.Range(0, group.WorldSize).Select(rank => SampleOrder.LocalSlice(GlobalBatch, rank, group.WorldSize)).ToArray();
        var (start, count) = slices[group.Rank];
        while (state.Step < steps)
            step.Take(TinyClip.Batch(((int)state.Step * GlobalBatch) + start, count), [.. slices.Select(slice => (long)slice.Count)]);
    }
}
