using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Worker;

/// <summary>The data loader that a run's options ask for.</summary>
/// <param name="Shard">What the coordinator gave this worker to read; null where nobody deals out shards.</param>
/// <param name="Rank">This worker, from 0.</param>
/// <param name="WorldSize">Number of workers.</param>
/// <param name="Cores">Cores that this worker may use.</param>
/// <param name="FirstStep">The first step to read.</param>
/// <param name="LastStep">The step after the last.</param>
public sealed record RunLoader(Shard? Shard, int Rank, int WorldSize, int Cores, long FirstStep, long LastStep)
{
    /// <summary>Starts to load.</summary>
    /// <param name="onBad">See <see cref="TrainingLoader"/>.</param>
    /// <param name="onLongWait">See <see cref="TrainingLoaderOptions.OnLongWait"/>.</param>
    public TrainingLoader Open(RunOptions options, CorpusManifest manifest, Action<BadSample>? onBad, Action<string>? onLongWait = null)
    {
        var order = RunPlan.Order(manifest, options);
        return new(
            manifest,
            order,
            RunPlan.Tokenizer(options),
            () => new ClipImageTransform(RunPlan.Images(options).Training),
            new TrainingLoaderOptions
            {
                Rank = Rank,
                WorldSize = WorldSize,
                Seed = options.Seed,
                Threads = RunPlan.DecodeThreads(options.Data, options.Cluster, Cores),
                Prefetch = options.Data.Prefetch,
                LongCaptions = options.Data.LongCaptions,
                CaptionMode = options.Data.CaptionMode,
                CaptionWeights = options.Data.CaptionWeights,
                Labels = RunPlan.Labels(options),
                MaxBadShare = options.Data.MaxBadShare,
                ImageTime = RunPlan.Images(options).Time,
                OnLongWait = onLongWait,
                FirstStep = FirstStep,
                LastStep = LastStep,
                BeforeRead = Shard is null ? null : Guard(new ShardPlan(manifest, order), Shard),
            },
            onBad
        );
    }

    /// <summary>A worker reads its shard and nothing else: anything more is a defect, told before it can spoil an epoch.</summary>
    private static Action<int, long, int> Guard(ShardPlan plan, Shard shard) =>
        (corpus, epoch, group) =>
        {
            if (!plan.Holds(shard, corpus, epoch, group))
                throw new InvalidOperationException(
                    $"Group {group} of rows, in epoch {epoch} of corpus {corpus}, is not in this worker's shard: lanes {shard.FirstLane} "
                        + $"to {shard.FirstLane + shard.Lanes - 1}."
                );
        };
}
