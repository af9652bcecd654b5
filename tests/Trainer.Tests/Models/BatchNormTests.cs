using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public sealed class BatchNormTests
{
    private const int GlobalBatch = 12;

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Bf16)]
    public void Activation_checkpointing_changes_no_bit_of_a_step(Precision precision)
    {
        var plain = StateAfterSteps(new RankGroup(), Options(precision));
        var replayed = StateAfterSteps(
            new RankGroup(),
            Options(precision) with
            {
                ActivationCheckpointing = ActivationCheckpointing.Block,
            }
        );
        Assert.Equal(plain, replayed);
    }

    [Theory]
    [InlineData(ActivationCheckpointing.None)]
    [InlineData(ActivationCheckpointing.Block)]
    public void A_step_moves_the_running_statistics_once_to_the_mean_over_micro_batches(ActivationCheckpointing checkpointing)
    {
        Threads.Set(1);
        var expected = new[] { TinyClip.Batch(0, 8, tower: TinyClip.ResNet.Image), TinyClip.Batch(8, 4, tower: TinyClip.ResNet.Image) }
            .Select(batch => StemStatistics(batch.Images_b3SS))
            .ToArray();
        using var state = new TrainingState(Run(Options(Precision.Fp32)));
        using var step = Step(
            state,
            Options(Precision.Fp32) with
            {
                MicroBatch = 8,
                ActivationCheckpointing = checkpointing,
            },
            new RankGroup()
        );
        step.Take(TinyClip.Batch(0, GlobalBatch, tower: TinyClip.ResNet.Image), [GlobalBatch]);

        foreach (var (name, before, of) in new[] { ("visual.bn1.running_mean", 0f, 0), ("visual.bn1.running_var", 1f, 1) })
        {
            var moved = expected[0]
                [of]
                .Zip(expected[1][of], (a, b) => (float)((0.9 * before) + (0.1 * ((8 * a) + (4 * b)) / 12)))
                .ToArray();
            Assert.InRange(Norms.RelativeDifference(state.Model.Parameters[name].AsSpan<float>(), moved), 0, 1e-6);
        }
    }

    [Fact]
    public void All_ranks_hold_the_average_of_their_statistics()
    {
        var shares = new[] { 7, 5 };
        var ranks = Ranks.Run(
            2,
            group =>
            {
                using var state = new TrainingState(Run(Options(Precision.Fp32)));
                using var step = Step(state, Options(Precision.Fp32), group);
                step.Take(TinyClip.Batch(group.Rank * shares[0], shares[group.Rank], tower: TinyClip.ResNet.Image), [shares[0], shares[1]]);
                return state.Model.Parameters.Master.AsSpan<float>().ToArray();
            }
        );
        Assert.Equal(ranks[0], ranks[1]);

        // The ranks' means, weighted by their pairs, are those of the whole batch.
        var whole = StemStatistics(TinyClip.Batch(0, GlobalBatch, tower: TinyClip.ResNet.Image).Images_b3SS)[0];
        using var layout = new ClipModel(TinyClip.ResNet, Precision.Fp32, 7);
        layout.Parameters.Master.copy_(tensor(ranks[0]));
        Assert.InRange(
            Norms.RelativeDifference(layout.Parameters["visual.bn1.running_mean"].AsSpan<float>(), [.. whole.Select(mean => 0.1f * mean)]),
            0,
            1e-5
        );
    }

    [Theory]
    [InlineData(Precision.Fp32, 0)]
    [InlineData(Precision.Bf16, 5)]
    public void A_sharded_optimizer_reaches_the_same_state(Precision precision, int microBatch)
    {
        var options = Options(precision) with { MicroBatch = microBatch };
        var whole = Ranks.Run(3, group => StateAfterSteps(group, options));
        var sharded = Ranks.Run(3, group => StateAfterSteps(group, options with { ShardOptimizer = true }));
        Assert.All(sharded, state => Assert.Equal(whole[0], state));
    }

    [Fact]
    public void A_checkpoint_restores_the_statistics()
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-bn-").FullName;
        try
        {
            var checkpoints = new CheckpointDirectory(folder);
            using var state = new TrainingState(Run(Options(Precision.Fp32)));
            using (var step = Step(state, Options(Precision.Fp32), new RankGroup()))
            {
                step.Take(TinyClip.Batch(0, GlobalBatch, tower: TinyClip.ResNet.Image), [GlobalBatch]);
            }

            using (var snapshot = state.Snapshot())
            {
                snapshot.Write(checkpoints, "", "", new Retention(1), []);
            }

            using var other = new TrainingState(Run(Options(Precision.Fp32)));
            Assert.NotEqual(Variance(state), Variance(other));
            other.Load(checkpoints, 1, "", "");
            Assert.Equal(Variance(state), Variance(other));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static float[] Variance(TrainingState state) => state.Model.Parameters["visual.layer2.1.bn2.running_var"].AsSpan<float>().ToArray();
    }

    [Fact]
    public void Evaluation_treats_each_image_separately_and_keeps_the_statistics()
    {
        using var guard = no_grad();
        using var model = new ClipModel(TinyClip.ResNet, Precision.Fp32, 3);
        ModelVariants.GiveResidualsWeight(model.Parameters);
        var before = model.Parameters.Master.AsSpan<float>().ToArray();
        var images = TinyClip.Batch(0, 4, tower: TinyClip.ResNet.Image).Images_b3SS;
        var alone = model.EncodeImage(images.narrow(0, 1, 1));
        Assert.InRange(
            Norms.RelativeDifference(alone.AsSpan<float>(), model.EncodeImage(images).narrow(0, 1, 1).contiguous().AsSpan<float>()),
            0,
            1e-6
        );
        Assert.Equal(before, model.Parameters.Master.AsSpan<float>().ToArray());
        var trained = model.EncodeImage(images, statistics: new BatchStatistics(model.Parameters)).narrow(0, 1, 1).contiguous();
        Assert.NotInRange(Norms.RelativeDifference(trained.AsSpan<float>(), alone.AsSpan<float>()), 0, 1e-3);
    }

    [Fact]
    public void The_gradient_norm_covers_only_trained_parameters()
    {
        Threads.Set(1);
        using var state = new TrainingState(Run(Options(Precision.Fp32)));
        using var step = Step(state, Options(Precision.Fp32), new RankGroup());
        var norm = step.Take(TinyClip.Batch(0, GlobalBatch, tower: TinyClip.ResNet.Image), [GlobalBatch]).GradientNorm;
        var parameters = state.Model.Parameters;
        var squares = parameters
            .Specs.Where(spec => !spec.IsStatistic)
            .Sum(spec => parameters.View(parameters.Gradients, spec.Name).AsSpan<float>().ToArray().Sum(value => (double)value * value));
        Assert.Equal(Math.Sqrt(squares), norm, 1e-6 * norm);
    }

    private static TrainingOptions Options(Precision precision) => TinyClip.Run(precision).Training;

    private static RunOptions Run(TrainingOptions training) => TinyClip.Run() with { Model = TinyClip.ResNet, Training = training };

    private static TrainingStep Step(TrainingState state, TrainingOptions options, RankGroup group) =>
        new(state, options, group, new LearningRateSchedule(1e-3, 1, 10));

    /// <summary>Mean and unbiased variance of each channel after the first convolution, with the run's initial weights.</summary>
    private static float[][] StemStatistics(torch.Tensor images_b3SS)
    {
        using var guard = no_grad();
        using var state = new TrainingState(Run(Options(Precision.Fp32)));
        var x = nn
            .functional.conv2d(images_b3SS, state.Model.Parameters["visual.conv1.weight"], strides: [2, 2], padding: [1, 1])
            .transpose(0, 1)
            .flatten(1);
        return [x.mean([1]).AsSpan<float>().ToArray(), x.var([1]).AsSpan<float>().ToArray()];
    }

    private static float[] StateAfterSteps(RankGroup group, TrainingOptions options)
    {
        Threads.Set(1);
        using var state = new TrainingState(Run(options), rank: group.Rank, worldSize: group.WorldSize);
        using var step = Step(state, options, group);
        for (var i = 0; i < 2; i++)
        {
            var slices = Enumerable
                .Range(0, group.WorldSize)
                .Select(rank => SampleOrder.LocalSlice(GlobalBatch, rank, group.WorldSize))
                .ToArray();
            var (start, count) = slices[group.Rank];
            step.Take(
                TinyClip.Batch((i * GlobalBatch) + start, count, tower: TinyClip.ResNet.Image),
                [.. slices.Select(slice => (long)slice.Count)]
            );
        }

        return state.Model.Parameters.Master.AsSpan<float>().ToArray();
    }
}
