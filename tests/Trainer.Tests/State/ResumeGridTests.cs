using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.State;

/// <summary>Stops at every step of a run with every world size, and resumes with every other.</summary>
public sealed class ResumeGridTests : IDisposable
{
    private const int GlobalBatch = 13,
        Steps = 5,
        LargestWorld = 4;
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-resume-").FullName;

    [Theory]
    [InlineData(Objective.Contrastive, 1, false)]
    [InlineData(Objective.Contrastive, 2, false)]
    [InlineData(Objective.Contrastive, 3, false)]
    [InlineData(Objective.Contrastive, 4, false)]
    [InlineData(Objective.Contrastive, 2, true)]
    [InlineData(Objective.Contrastive, 3, true)]
    [InlineData(Objective.Contrastive, 4, true)]
    [InlineData(Objective.Sigmoid, 2, false)]
    [InlineData(Objective.Sigmoid, 3, true)]
    [InlineData(Objective.BagOfWords, 2, false)]
    [InlineData(Objective.BagOfWords, 3, true)]
    [InlineData(Objective.Captioning, 2, false)]
    [InlineData(Objective.Captioning, 3, true)]
    [InlineData(Objective.Classification, 2, false)]
    [InlineData(Objective.Classification, 3, true)]
    [InlineData(Objective.TwoViews, 2, false)]
    [InlineData(Objective.TwoViews, 3, true)]
    public void A_run_resumed_at_any_step_ends_bitwise_like_an_uninterrupted_one_at_equal_world_size(
        Objective objective,
        int world,
        bool shard
    )
    {
        var options = TinyClip.Run(objective: objective) with
        {
            Training = TinyClip.Run(objective: objective).Training with { ShardOptimizer = shard },
        };
        var checkpoints = new CheckpointDirectory(_folder);
        var unbroken = Ranks.Run(world, group => Train(options, group, state => Save(state, group, checkpoints)))[0];
        for (var step = 1; step < Steps; step++)
        {
            for (var after = 1; after <= LargestWorld; after++)
            {
                var resumed = Ranks.Run(after, group => Train(options with { Seed = 99 }, group, _ => { }, checkpoints, step));
                Assert.All(resumed, rank => Assert.Equal(unbroken.Samples, rank.Samples));
                if (after == world)
                {
                    Assert.All(resumed, rank => Assert.Equal(unbroken.Weights, rank.Weights));
                }
                else
                {
                    Assert.All(resumed, rank => Assert.InRange(Norms.RelativeDifference(rank.Weights, unbroken.Weights), 0, 1e-5));
                }
            }
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static (float[] Weights, long Samples) Train(
        RunOptions options,
        RankGroup group,
        Action<TrainingState> afterStep,
        CheckpointDirectory? checkpoints = null,
        long resumeAt = 0
    )
    {
        using var state = new TrainingState(options, rank: group.Rank, worldSize: group.WorldSize);
        if (checkpoints is not null)
        {
            StateTransfer.Load(state, group, checkpoints, resumeAt, "config", "corpus");
        }

        using var step = new TrainingStep(state, options.Training, group, new LearningRateSchedule(1e-2, 2, 10));
        while (state.Step < Steps)
        {
            var (start, count) = SampleOrder.LocalSlice(GlobalBatch, group.Rank, group.WorldSize);
            var batch = TinyClip.Batch(((int)state.Step * GlobalBatch) + start, count, views: options.Training.Objective.Views());
            step.Take(batch, Counts(group.WorldSize));
            afterStep(state);
        }

        return (state.Model.Parameters.Master.AsSpan<float>().ToArray(), state.Samples);
    }

    private static void Save(TrainingState state, RankGroup group, CheckpointDirectory checkpoints)
    {
        using var snapshot = StateTransfer.Gather(state, group);
        snapshot?.Write(checkpoints, "config", "corpus", new Retention(Steps), []);
        // The other ranks must not train on it, or end, before it exists.
        group.Barrier();
    }

    private static long[] Counts(int world) =>
        [.. Enumerable.Range(0, world).Select(rank => (long)SampleOrder.LocalSlice(GlobalBatch, rank, world).Count)];
}
