using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Runs;

/// <summary>Values derived from a run's options and corpus, computed identically by the coordinator and every worker.</summary>
public static class RunPlan
{
    /// <summary>Length of the run in steps.</summary>
    public static long TotalSteps(TrainingOptions training, long corpusSamples) =>
        training.Steps ?? Math.Max(1, (long)Math.Round(training.Epochs!.Value * corpusSamples / training.GlobalBatch));

    /// <summary>Creates the tokenizer that the options select.</summary>
    /// <exception cref="UsageException">The tokenizer cannot be read, or its vocabulary differs from the model's.</exception>
    public static ITokenizer Tokenizer(RunOptions options)
    {
        var context = options.Model.Text.Context;
        var tokenizer = new BpeTokenizer(Merges(options.Data.Merges), context);
        return tokenizer.VocabularySize == options.Model.Text.Vocabulary
            ? tokenizer
            : throw new UsageException(
                $"model.text.vocabulary is {options.Model.Text.Vocabulary}, but data.merges '{options.Data.Merges}' has "
                    + $"{tokenizer.VocabularySize} tokens; set model.text.vocabulary to {tokenizer.VocabularySize}."
            );
    }

    /// <summary>Class labels of the run's corpus; null unless the objective is classification.</summary>
    public static ClassLabels? Labels(RunOptions options) =>
        options.Data.LabelColumn is { } column
            ? new ClassLabels(column, options.Model.Image.Classes!.Value, options.Data.LabelNames)
            : null;

    /// <summary>Format and transforms of the run's images.</summary>
    public static ImageInput Images(RunOptions options) =>
        new(options.Model.Image.Size, options.Data, ImageInput.TypeFor(options.Cluster.Device, options.Training.Precision));

    /// <summary>Loads the vocabulary that data.merges names.</summary>
    /// <exception cref="UsageException">The file does not exist, or is not a BPE vocabulary of CLIP's kind.</exception>
    public static MergeList Merges(string name)
    {
        try
        {
            return MergeList.Named(name);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UsageException(
                $"data.merges is {name}, which does not exist in {Environment.CurrentDirectory}. Correct the path, or go to the folder in "
                    + "which the run was started: its paths are relative to that."
            );
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>The order in which the run reads its samples.</summary>
    public static SampleOrder Order(CorpusManifest manifest, RunOptions options)
    {
        var data = options.Data;
        // A corpus that is not a mixture gets the whole stream.
        var corpora = manifest
            .RowGroupRowsByPart()
            .Select(
                (rows, part) =>
                    data.Mixture.Count == 0
                        ? new CorpusShare(rows, 1)
                        : CorpusShare.Of(rows, data.Mixture[part].Weight, data.Sampling, data.Temperature ?? 1)
            );
        return new SampleOrder(
            [.. corpora],
            options.Seed,
            data.ShuffleWindow > 0 ? data.ShuffleWindow : ShuffleWindow.Of(manifest),
            options.Training.GlobalBatch
        );
    }

    /// <summary>Number of cores for each worker that `cliptrain train` starts on this machine.</summary>
    public static int CoresOfLocalWorker(ClusterOptions cluster) => Math.Max(1, Environment.ProcessorCount / cluster.Workers);

    /// <summary>Compute threads of a worker that may use the given number of cores.</summary>
    public static int ComputeThreads(ClusterOptions cluster, int cores) => cluster.ThreadsPerWorker > 0 ? cluster.ThreadsPerWorker : cores;

    /// <summary>Decoding threads of a worker that may use the given number of cores.</summary>
    public static int DecodeThreads(DataOptions data, ClusterOptions cluster, int cores) =>
        data.Threads > 0 ? data.Threads : Math.Max(1, cores - ComputeThreads(cluster, cores));

    /// <summary>Starts to load a worker's share of the corpus.</summary>
    /// <param name="onBad">See <see cref="TrainingLoader"/>.</param>
    /// <param name="onLongWait">See <see cref="TrainingLoaderOptions.OnLongWait"/>.</param>
    public static TrainingLoader OpenLoader(
        RunOptions options,
        CorpusManifest manifest,
        LoaderShare share,
        Action<BadSample>? onBad = null,
        Action<string>? onLongWait = null
    )
    {
        var (order, images) = (Order(manifest, options), Images(options));
        return new(
            manifest,
            order,
            Tokenizer(options),
            () => options.Training.Objective.Views() == 2 ? new TwoViewTransform(images.Training) : new ClipImageTransform(images.Training),
            new TrainingLoaderOptions
            {
                Rank = share.Rank,
                WorldSize = share.WorldSize,
                Seed = options.Seed,
                Threads = DecodeThreads(options.Data, options.Cluster, share.Cores),
                Cores = share.Cores,
                Prefetch = options.Data.Prefetch,
                LongCaptions = options.Data.LongCaptions,
                CaptionMode = options.Data.CaptionMode,
                CaptionWeights = options.Data.CaptionWeights,
                ImagesOnly = options.Training.Objective == Objective.TwoViews,
                Labels = Labels(options),
                MaxBadShare = options.Data.MaxBadShare,
                ImageTime = images.Time,
                OnLongWait = onLongWait,
                FirstStep = share.FirstStep,
                LastStep = share.LastStep,
                BeforeRead = share.Shard is { } shard ? new ShardPlan(manifest, order).GuardOf(shard) : null,
            },
            onBad
        );
    }
}

/// <summary>One worker's share of data loading.</summary>
/// <param name="Rank">Rank of this worker, from 0.</param>
/// <param name="WorldSize">Number of workers.</param>
/// <param name="Cores">Cores that this worker may use.</param>
/// <param name="FirstStep">The first step to read.</param>
/// <param name="LastStep">The step after the last one to read.</param>
public sealed record LoaderShare(int Rank, int WorldSize, int Cores, long FirstStep, long LastStep)
{
    /// <summary>The shard that the coordinator assigned to this worker; null without a coordinator.</summary>
    public Shard? Shard { get; init; }
}
