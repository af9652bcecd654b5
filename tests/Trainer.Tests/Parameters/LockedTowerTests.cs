using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.State;
using ClipTrain.Trainer.Tests.Models;
using ClipTrain.Weights.Safetensors;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Parameters;

public sealed class LockedTowerTests : IDisposable
{
    private const int GlobalBatch = 12;
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-locked-").FullName;

    public static TheoryData<string, int?, int?, Precision> Grid()
    {
        var grid = new TheoryData<string, int?, int?, Precision>();
        foreach (var variant in new[] { "vit", "resnet", "convolutional stem" })
        {
            foreach (var (image, text) in new (int?, int?)[] { (0, null), (null, 0), (1, 2), (2, 1), (0, 3), (4, null) })
            {
                foreach (var precision in Enum.GetValues<Precision>())
                {
                    grid.Add(variant, image, text, precision);
                }
            }
        }

        return grid;
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void Locked_weights_keep_every_bit_and_all_others_change(string variant, int? image, int? text, Precision precision)
    {
        var run = Run(variant, image, text, precision);
        // fp16's initial scale overflows in these tiny models, and a step that overflows changes nothing.
        using var state = new TrainingState(run) { LossScale = new LossScale(precision == Precision.Fp16 ? 64 : 1, 0) };
        ModelVariants.GiveResidualsWeight(state.Model.Parameters);
        var before = state.Model.Parameters.Master.AsSpan<float>().ToArray();
        Train(state, run, new RankGroup());
        using var layout = new ClipModel(run.Model, precision, 1, training: run.Training);
        layout.Parameters.Master.copy_(tensor(before));
        layout.Parameters.RefreshCompute();
        foreach (var spec in state.Model.Parameters.Specs)
        {
            var place = TowerGroups.Of(run.Model, spec.Name);
            var locked =
                place is { } p
                && (p.Tower == Tower.Image ? image : text) is { } unlocked
                && p.Group < TowerGroups.Count(run.Model, p.Tower) - unlocked;
            var (was, now) = (layout.Parameters[spec.Name].detach(), state.Model.Parameters[spec.Name].detach());
            Assert.Equal(locked, spec.IsLocked);
            // A key's bias shifts all logits of the softmax alike, so its gradient is zero.
            Assert.True(
                locked == was.IsSame(now) || spec.Name.EndsWith("k_proj.bias", StringComparison.Ordinal),
                $"{spec.Name}, locked {locked}"
            );
        }
    }

    [Theory]
    [InlineData("vit", 0, 0)]
    [InlineData("vit", 1, 5)]
    [InlineData("vit", 3, 0)]
    [InlineData("attention pooling", 2, 5)]
    public void Gradients_of_trained_parameters_are_bitwise_those_of_the_unlocked_model(string variant, int image, int microBatch)
    {
        foreach (var checkpointing in Enum.GetValues<ActivationCheckpointing>())
        {
            foreach (var text in new int?[] { null, 2, 1 })
            {
                var expected = Gradients(Run(variant, null, null, Precision.Fp32), microBatch, checkpointing);
                var actual = Gradients(Run(variant, image, text, Precision.Fp32), microBatch, checkpointing);
                Assert.NotEqual(expected.Count, actual.Count);
                Assert.All(actual, pair => Assert.Equal(expected[pair.Key], pair.Value));
            }
        }
    }

    [Fact]
    public void Locked_parameters_have_neither_gradients_nor_moments()
    {
        using var state = new TrainingState(Run("resnet", 0, null, Precision.Bf16));
        var parameters = state.Model.Parameters;
        var updated = parameters.Specs.Where(spec => !spec.IsLocked).Sum(spec => spec.Count);
        // Each parameter starts at a multiple of a block of moments.
        Assert.InRange(parameters.Gradients.numel(), updated, updated + (256 * parameters.Specs.Count(spec => !spec.IsLocked)));
        Assert.Equal(parameters.Gradients.numel(), state.Optimizer.Moments.First.Values.numel());
        Assert.DoesNotContain(parameters.In(parameters.Gradients), spec => spec.Name.StartsWith("visual.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("vit", 0, Precision.Fp32)]
    [InlineData("vit", 2, Precision.Bf16)]
    [InlineData("resnet", 0, Precision.Fp32)]
    public void Ranks_sharding_and_resuming_give_the_same_bits(string variant, int image, Precision precision)
    {
        var run = Run(variant, image, 2, precision);
        var sharded = run with { Training = run.Training with { ShardOptimizer = true } };
        var plain = Ranks.Run(3, group => Weights(run, group));
        Assert.All(Ranks.Run(3, group => Weights(sharded, group)), weights => Assert.Equal(plain[0], weights));

        var checkpoints = new CheckpointDirectory(_folder);
        Ranks.Run(
            3,
            group =>
            {
                using var state = New(sharded, group);
                Train(state, sharded, group, steps: 1);
                using var snapshot = StateTransfer.Gather(state, group);
                snapshot?.Write(checkpoints, "", "", new Retention(1), []);
                group.Barrier();
                return 0;
            }
        );
        using (var moments = new SafetensorsFile(Path.Combine(checkpoints.PathOf(1), CheckpointDirectory.OptimizerFile)))
        {
            Assert.DoesNotContain("exp_avg.visual.conv1.weight", moments.Shapes.Keys, StringComparer.Ordinal);
        }

        var resumed = Ranks.Run(
            3,
            group =>
            {
                using var state = New(sharded with { Seed = 99 }, group);
                StateTransfer.Load(state, group, checkpoints, 1, "", "");
                Train(state, sharded, group);
                return state.Model.Parameters.Master.AsSpan<float>().ToArray();
            }
        );
        Assert.All(resumed, weights => Assert.Equal(plain[0], weights));
    }

    [Fact]
    public void Locked_segments_run_once_and_unrecorded()
    {
        var weight = full([], 3, float32).requires_grad_();
        var calls = new List<string>();
        Segment Segment(int number) =>
            new(
                $"segment {number}",
                x =>
                {
                    var y = x * weight;
                    calls.Add($"{number} {(y.requires_grad ? "recorded" : "not")}");
                    return y;
                }
            );

        foreach (var checkpointing in Enum.GetValues<ActivationCheckpointing>())
        {
            calls.Clear();
            var pass = new TowerPass([Segment(0), Segment(1), Segment(2), Segment(3)], ones([2]), checkpointing, locked: 2);
            pass.Backward(ones([2]));
            Assert.Equal(
                checkpointing == ActivationCheckpointing.None
                    ? ["0 not", "1 not", "2 recorded", "3 recorded"]
                    : ["0 not", "1 not", "2 not", "3 not", "3 recorded", "2 recorded"],
                calls
            );
            Assert.Equal(2 * 9 * 2 * 3, weight.grad!.item<float>());
            weight.grad!.zero_();
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static RunOptions Run(string variant, int? image, int? text, Precision precision)
    {
        var run = TinyClip.Run(precision, GlobalBatch);
        return run with
        {
            Model = ModelVariants.All[variant],
            Training = run.Training with
            {
                UnlockedGroups = new UnlockedGroupsOptions { Image = image, Text = text },
            },
        };
    }

    private static TrainingState New(RunOptions run, RankGroup group)
    {
        Threads.Set(1);
        return new TrainingState(run, null, group.Rank, group.WorldSize);
    }

    private static float[] Weights(RunOptions run, RankGroup group)
    {
        using var state = New(run, group);
        Train(state, run, group);
        return state.Model.Parameters.Master.AsSpan<float>().ToArray();
    }

    private static void Train(TrainingState state, RunOptions run, RankGroup group, int steps = 3)
    {
        using var step = new TrainingStep(state, run.Training, group, new LearningRateSchedule(1e-2, 2, 10));
        var slices = Enumerable
            .Range(0, group.WorldSize)
            .Select(rank => SampleOrder.LocalSlice(GlobalBatch, rank, group.WorldSize))
            .ToArray();
        var (start, count) = slices[group.Rank];
        while (state.Step < steps)
        {
            step.Take(
                TinyClip.Batch(((int)state.Step * GlobalBatch) + start, count, tower: run.Model.Image),
                [.. slices.Select(slice => (long)slice.Count)]
            );
        }
    }

    private static Dictionary<string, float[]> Gradients(RunOptions run, int microBatch, ActivationCheckpointing checkpointing)
    {
        Threads.Set(1);
        var training = run.Training with { MicroBatch = microBatch, ActivationCheckpointing = checkpointing };
        using var state = new TrainingState(run);
        using var step = new TrainingStep(state, training, new RankGroup(), new LearningRateSchedule(1e-2, 2, 10));
        step.ComputeGradients(TinyClip.Batch(0, GlobalBatch, tower: run.Model.Image), [GlobalBatch]);
        var parameters = state.Model.Parameters;
        return parameters
            .In(parameters.Gradients)
            .ToDictionary(
                spec => spec.Name,
                spec => parameters.View(parameters.Gradients, spec.Name).AsSpan<float>().ToArray(),
                StringComparer.Ordinal
            );
    }
}
