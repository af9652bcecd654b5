using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Loop;

/// <summary>Every precision of towers, moments and text weights, across ranks, sharding, transfers and resumes.</summary>
public sealed class MixedPrecisionGridTests : IDisposable
{
    private const int GlobalBatch = 13,
        Steps = 4,
        Resumed = 2,
        LargestWorld = 4;

    // The first step of an fp16 run overflows, and no other.
    private static readonly LossScale s_tooLarge = new(Math.Pow(2, 40), 0),
        s_small = new(64, 0);
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-precision-").FullName;

    public static TheoryData<Precision, MomentType, WeightType> Grid()
    {
        var grid = new TheoryData<Precision, MomentType, WeightType>();
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (var moments in Enum.GetValues<MomentType>())
            {
                foreach (var text in Enum.GetValues<WeightType>())
                {
                    grid.Add(precision, moments, text);
                }
            }
        }

        return grid;
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void Sharding_and_resuming_are_bitwise_exact_and_any_number_of_ranks_agrees(
        Precision precision,
        MomentType moments,
        WeightType text
    )
    {
        var options = TinyClip.Run(precision);
        var plain = options with { Training = options.Training with { Moments = moments, TextWeights = text } };
        var sharded = plain with { Training = plain.Training with { ShardOptimizer = true } };
        float[]? alone = null;
        for (var world = 1; world <= LargestWorld; world++)
        {
            var (first, second) = (
                new CheckpointDirectory(Path.Combine(_folder, $"{world}-plain")),
                new CheckpointDirectory(Path.Combine(_folder, $"{world}-sharded"))
            );
            var expected = Ranks.Run(world, group => Train(plain, group, first));
            alone ??= expected[0];
            AssertOverflows(first, precision);
            Assert.All(expected, weights => Assert.Equal(expected[0], weights));
            Assert.All(Ranks.Run(world, group => Train(sharded, group, second)), weights => Assert.Equal(expected[0], weights));
            foreach (var step in new[] { Resumed, Steps })
            {
                AssertSameFiles(first.PathOf(step), second.PathOf(step));
            }

            // Load the other's checkpoint into states that held something else.
            Assert.All(Ranks.Run(world, group => Train(sharded, group, null, first)), weights => Assert.Equal(expected[0], weights));
            Assert.All(Ranks.Run(world, group => Train(plain, group, null, second)), weights => Assert.Equal(expected[0], weights));

            // Each rank's sums are rounded separately, and stochastic rounding may then go the other way.
            var bound = precision == Precision.Fp32 && moments == MomentType.Fp32 && text == WeightType.Fp32 ? 1e-5 : 0.05;
            Assert.InRange(Norms.RelativeDifference(expected[0], alone), 0, bound);
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void A_joining_rank_receives_the_complete_state_and_fresh_ranks_that_of_rank_0(
        Precision precision,
        MomentType moments,
        WeightType text
    )
    {
        var options = TinyClip.Run(precision);
        var run = options with { Training = options.Training with { Moments = moments, TextWeights = text } };
        var unbroken = Ranks.Run(3, group => Train(run, group));
        var rejoined = Ranks.Run(
            3,
            group =>
            {
                using var state = New(run, group);
                if (group.Rank > 0)
                {
                    Spoil(state);
                }

                StateTransfer.ShareFresh(state, group);
                Continue(state, run, group, Resumed);
                using var fresh = New(run, group);
                Spoil(fresh);
                var mine = group.Rank == 2 ? fresh : state;
                StateTransfer.Broadcast(mine, group, sourceRank: 1);
                Continue(mine, run, group, Steps);
                return Weights(mine);
            }
        );
        Assert.Equal(unbroken, rejoined);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static TrainingState New(RunOptions run, RankGroup group)
    {
        Threads.Set(1);
        return new TrainingState(run, rank: group.Rank, worldSize: group.WorldSize);
    }

    private static float[] Train(RunOptions run, RankGroup group, CheckpointDirectory? to = null, CheckpointDirectory? from = null)
    {
        using var state = New(run, group);
        if (from is not null)
        {
            Spoil(state);
            StateTransfer.Load(state, group, from, Resumed, "config", "corpus");
        }

        for (var until = from is null ? Resumed : Steps; until <= Steps; until += Steps - Resumed)
        {
            Continue(state, run, group, until);
            using var snapshot = to is null ? null : StateTransfer.Gather(state, group);
            snapshot?.Write(to!, "config", "corpus", new Retention(Steps), []);
            group.Barrier();
        }

        return Weights(state);
    }

    private static void Continue(TrainingState state, RunOptions run, RankGroup group, int until)
    {
        using var step = new TrainingStep(state, run.Training, group, new LearningRateSchedule(1e-2, 2, 10));
        var slices = Enumerable
            .Range(0, group.WorldSize)
            .Select(rank => SampleOrder.LocalSlice(GlobalBatch, rank, group.WorldSize))
            .ToArray();
        while (state.Step < until)
        {
            if (run.Training.Precision == Precision.Fp16 && state.Step < 2)
            {
                state.LossScale = state.Step == 0 ? s_tooLarge : s_small;
            }

            step.Take(
                TinyClip.Batch(((int)state.Step * GlobalBatch) + slices[group.Rank].Start, slices[group.Rank].Count),
                [.. slices.Select(slice => (long)slice.Count)]
            );
        }
    }

    private static void Spoil(TrainingState state)
    {
        using var guard = no_grad();
        foreach (var (weights, _) in state.Model.Parameters.Weights.Parts)
        {
            weights.fill_(0.25);
        }

        state.Model.Parameters.RefreshCompute();
        state.Optimizer.Moments.First.Values.fill_(1);
        (state.LossScale, state.SkippedSteps) = (new LossScale(32, 5), 3);
    }

    private static float[] Weights(TrainingState state)
    {
        using var scope = NewDisposeScope();
        var weights = state.Model.Parameters.Weights;
        return weights.CopyOf(new FlatSlice(0, weights.Narrow.numel() + weights.Wide.numel())).AsSpan<float>().ToArray();
    }

    /// <summary>In fp16 exactly one step was skipped.</summary>
    private static void AssertOverflows(CheckpointDirectory checkpoints, Precision precision)
    {
        var skipped = checkpoints.Verify(Steps).SkippedSteps;
        Assert.Equal(precision == Precision.Fp16 ? 1 : 0, skipped);
    }

    private static void AssertSameFiles(string expected, string actual)
    {
        foreach (var file in new[] { CheckpointDirectory.ModelFile, CheckpointDirectory.OptimizerFile, CheckpointDirectory.StateFile })
        {
            Assert.True(
                File.ReadAllBytes(Path.Combine(expected, file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(actual, file))),
                file
            );
        }
    }
}
