using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Training;

namespace ClipTrain.Trainer.Worker;

/// <summary>The data loader that a run's options ask for.</summary>
/// <param name="Rank">This worker, from 0.</param>
/// <param name="WorldSize">Number of workers.</param>
/// <param name="Cores">Cores that this worker may use.</param>
/// <param name="FirstStep">The first step to read.</param>
/// <param name="LastStep">The step after the last.</param>
public sealed record RunLoader(int Rank, int WorldSize, int Cores, long FirstStep, long LastStep)
{
    /// <summary>Starts to load.</summary>
    /// <param name="onBad">See <see cref="TrainingLoader"/>.</param>
    public TrainingLoader Open(RunOptions options, CorpusManifest manifest, Action<BadSample>? onBad) => new(
        manifest,
        RunPlan.Order(manifest, options),
        RunPlan.Tokenizer(options),
        () => new ClipImageTransform(ImageInput.Training(options)),
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
            FirstStep = FirstStep,
            LastStep = LastStep,
        },
        onBad);
}
