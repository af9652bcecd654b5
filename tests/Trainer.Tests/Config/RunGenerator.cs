using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Trainer.Options;
using FsCheck;
using FsCheck.Fluent;

namespace ClipTrain.Trainer.Tests.Config;

/// <summary>Generates runs that satisfy every rule, with awkward texts and numbers wherever they are allowed.</summary>
internal static class RunGenerator
{
    private static readonly Gen<string> s_awkward = Gen.Elements(
        "true",
        "null",
        "~",
        "12",
        "1e3",
        ".inf",
        "- a",
        "a: b",
        "#x",
        "a #b",
        " padded ",
        "tab\there",
        "line\nbreak",
        "cr\r\nlf",
        "quote\"s",
        "it's",
        "back\\slash",
        "{}",
        "[a]",
        "*.parquet",
        "&a",
        "!t",
        "%d",
        "@x",
        "`y",
        "|",
        ">",
        "0x1F",
        "ünï→",
        "日本語",
        "😀",
        "\u2028",
        "\u0085",
        "\u0001",
        "...",
        "---",
        "a/b.c_d-e",
        "2024-01-01",
        "=",
        "<<",
        ".5",
        "1_000"
    );

    // YAML cannot represent an unpaired surrogate, and no file name or column contains one.
    private static readonly Gen<string> s_arbitrary = ArbMap
        .Default.GeneratorFor<NonEmptyString>()
        .Select(s => s.Get)
        .Where(s => !s.Any(char.IsSurrogate));

    private static readonly Gen<string> s_text = Gen.OneOf(s_awkward, s_arbitrary);

    private static readonly Gen<double> s_positive = Gen.OneOf(
        Gen.Elements(1e-6, 0.1, 1.0 / 3, 4.0 / 3, 1, 12345.678, 1e22, double.Epsilon * 4, double.MaxValue),
        Gen.Choose(1, int.MaxValue).Select(i => i / 1000.0)
    );

    private static readonly Gen<double> s_share = Gen.Choose(0, 999_999).Select(i => i / 1e6);

    private static readonly Gen<int> s_count = Gen.OneOf(Gen.Choose(1, 100), Gen.Choose(1, int.MaxValue));

    public static Gen<RunOptions> Runs =>
        from name in Gen.Elements("run", "1", "true", "a-b_c.d", "null", "1e5", "été")
        from seed in ArbMap.Default.GeneratorFor<ulong>()
        from model in s_models
        from data in s_data
        from training in s_training
        from cluster in Cluster(training.GlobalBatch)
        from checkpoint in s_checkpoint
        from evaluation in s_evaluation
        from output in s_output
        select new RunOptions
        {
            Name = name,
            Seed = seed,
            Model = model,
            Data = data,
            Training = training,
            Cluster = cluster,
            Checkpoint = checkpoint,
            Evaluation = evaluation,
            Output = output,
        };

    private static readonly Gen<ModelOptions> s_models =
        from embed in s_count
        from activation in Gen.Elements(Activation.Gelu, Activation.QuickGelu)
        from patch in Gen.Choose(1, 40)
        from side in Gen.Choose(1, 40)
        from heads in Gen.Choose(1, 40)
        from headWidth in Gen.Choose(1, 128)
        from layers in s_count
        from context in Gen.Choose(2, 1000)
        from ratio in s_positive.Where(r => r >= 0.01)
        from dropout in s_share
        from blocks in Gen.Choose(1, 40).ArrayOf(4)
        from pooling in Gen.Elements(Enum.GetValues<ImagePooling>())
        from positions in Gen.Elements(ImagePositions.Learned, ImagePositions.None)
        from embedding in Gen.Elements(PatchEmbedding.Linear, PatchEmbedding.Convolution)
        from isResNet in Gen.Elements(true, false)
        from attention in Gen.Elements(Enum.GetValues<TextAttention>())
        from textPooling in Gen.Elements(Enum.GetValues<TextPooling>())
        select new ModelOptions
        {
            EmbedDim = embed,
            Activation = activation,
            Image = isResNet
                ? new ImageTowerOptions
                {
                    Architecture = ImageArchitecture.Resnet,
                    Size = 32 * side,
                    Width = 2 * heads * headWidth,
                    Heads = heads,
                    Blocks = blocks,
                }
                : new ImageTowerOptions
                {
                    Size = patch * side,
                    Patch = patch,
                    Width = heads * headWidth,
                    Heads = heads,
                    Layers = layers,
                    MlpRatio = ratio,
                    PatchDropout = dropout,
                    Pooling = pooling,
                    Positions = positions,
                    PatchEmbedding = embedding,
                    Registers = side,
                },
            Text = new TextTowerOptions
            {
                Context = context,
                Vocabulary = context + 1,
                Width = heads * headWidth,
                Heads = heads,
                Layers = layers,
                Attention = attention,
                Pooling = textPooling,
            },
        };

    private static readonly Gen<DataOptions> s_data =
        from train in s_text.NonEmptyListOf()
        from corpora in Gen.Choose(0, 3)
        from sampling in Gen.Elements(MixtureSampling.Proportional, MixtureSampling.Fixed, MixtureSampling.Temperature)
        from share in Gen.Choose(1, 1_000_000).Select(i => i / 1000.0)
        from image in s_text.OrNull()
        from captions in Gen.OneOf(Gen.Constant<List<string>?>(null), s_text.NonEmptyListOf().Select(list => (List<string>?)[.. list]))
        from random in Gen.Elements(true, false)
        from weight in s_positive
        from filter in s_text.OrNull()
        from queries in s_text.OrNull()
        from cap in s_count
        from duplicates in Gen.Elements(Deduplication.None, Deduplication.Exact, Deduplication.Perceptual)
        from subset in s_share.Where(s => s > 0)
        from merges in s_text
        from threads in Gen.Choose(0, 64)
        from prefetch in Gen.Choose(1, 1024)
        from window in s_count
        from bad in s_share
        from low in s_share.Where(s => s >= 0.001)
        from high in s_share.Where(s => s >= 0.001)
        from ratio in s_positive.Where(r => r >= 0.01)
        select new DataOptions
        {
            Train = corpora == 0 ? [.. train] : [],
            Mixture =
            [
                .. Enumerable
                    .Range(0, corpora)
                    .Select(i => new MixtureOptions
                    {
                        Name = $"c-{i}",
                        Files = [.. train],
                        Weight = share,
                        ImageColumn = image,
                        CaptionColumn = captions,
                    }),
            ],
            Sampling = corpora == 0 ? MixtureSampling.Proportional : sampling,
            Temperature = corpora > 0 && sampling == MixtureSampling.Temperature ? share + 1 : null,
            ImageColumn = corpora == 0 ? image : null,
            CaptionColumn = corpora == 0 ? captions : null,
            CaptionMode = random ? CaptionMode.Random : CaptionMode.All,
            CaptionWeights = random && corpora == 0 && captions is not null ? [.. captions.Select(_ => weight)] : [],
            Filter = filter,
            Deduplicate = duplicates,
            Balance = new BalanceOptions { Queries = queries, Cap = cap },
            Subset = subset,
            Merges = merges,
            Threads = threads,
            Prefetch = prefetch,
            ShuffleWindow = window,
            MaxBadShare = bad,
            Crop = new CropOptions
            {
                MinScale = Math.Min(low, high),
                MaxScale = Math.Max(low, high),
                MinRatio = ratio,
                MaxRatio = ratio,
            },
        };

    private static readonly Gen<TrainingOptions> s_training =
        from batch in Gen.OneOf(Gen.Choose(2, 100), Gen.Choose(2, 1 << 24))
        from bySteps in Gen.Elements(true, false)
        from steps in ArbMap.Default.GeneratorFor<long>().Select(l => Math.Max(1, Math.Abs(l / 2)))
        from epochs in s_positive.Where(e => e >= 1e-6)
        from precision in Gen.Elements(Enum.GetValues<Precision>())
        from moments in Gen.Elements(Enum.GetValues<MomentType>())
        from textWeights in Gen.Elements(Enum.GetValues<WeightType>())
        from rate in s_positive
        from warmup in Gen.Choose(0, int.MaxValue)
        from beta1 in s_share
        from beta2 in s_share
        from clip in s_positive
        from scale in s_positive.Where(s => s >= 1)
        from micro in Gen.Choose(0, int.MaxValue)
        from checkpointing in Gen.Elements(ActivationCheckpointing.None, ActivationCheckpointing.Block)
        from shard in Gen.Elements(true, false)
        from objective in Gen.Elements(Enum.GetValues<Objective>().Where(objective => objective.HasSharedSpace()).ToArray())
        from decay in s_share.Where(s => s > 0)
        from start in s_text
        from startsFrom in Gen.Elements(true, false)
        from unlockedImage in Gen.Choose(1, 3).Select(i => i == 3 ? (int?)null : i)
        from unlockedText in Gen.Choose(0, 3).Select(i => i == 3 ? (int?)null : i)
        select new TrainingOptions
        {
            Objective = objective,
            GlobalBatch = batch,
            Steps = bySteps ? steps : null,
            Epochs = bySteps ? null : epochs,
            Precision = precision,
            LearningRate = rate,
            WarmupSteps = warmup,
            Beta1 = beta1,
            Beta2 = beta2,
            Epsilon = rate,
            WeightDecay = rate,
            GradientClip = clip,
            MaxLogitScale = scale,
            LossTileRows = batch,
            MicroBatch = micro,
            ActivationCheckpointing = checkpointing,
            ShardOptimizer = shard,
            LayerDecay = new LayerDecayOptions { Image = decay, Text = 1 - (decay / 2) },
            TextWeights = textWeights,
            Moments = moments,
            StartFrom = startsFrom ? start : null,
            StartFromExcept = startsFrom ? [start] : [],
            StartFromSha256 = startsFrom ? start : null,
            UnlockedGroups = startsFrom
                ? new UnlockedGroupsOptions { Image = unlockedImage, Text = unlockedText }
                : new UnlockedGroupsOptions(),
        };

    private static readonly Gen<CheckpointOptions> s_checkpoint =
        from steps in Gen.Choose(0, int.MaxValue)
        from minutes in s_positive
        from keep in s_count
        select new CheckpointOptions
        {
            EverySteps = steps,
            EveryMinutes = minutes,
            Keep = keep,
        };

    private static readonly Gen<EvaluationOptions> s_evaluation =
        from retrieval in Gen.Choose(0, 3)
        from zeroShot in Gen.Choose(0, 3)
        from data in s_text.NonEmptyListOf()
        from label in s_text
        from template in s_text
        from batch in Gen.Choose(1, 65_536)
        select new EvaluationOptions
        {
            Retrieval = [.. Enumerable.Range(0, retrieval).Select(i => new RetrievalOptions { Name = $"r-{i}", Data = [.. data] })],
            ZeroShot =
            [
                .. Enumerable
                    .Range(0, zeroShot)
                    .Select(i => new ZeroShotOptions
                    {
                        Name = $"{i}",
                        Data = [.. data],
                        LabelColumn = label,
                        Templates = [template + "{}", "{}" + template],
                    }),
            ],
            Batch = batch,
        };

    private static readonly Gen<OutputOptions> s_output =
        from directory in s_text
        from tensorboard in Gen.Elements(true, false)
        from every in s_count
        select new OutputOptions
        {
            Directory = directory,
            Tensorboard = tensorboard,
            LogEverySteps = every,
        };

    private static Gen<ClusterOptions> Cluster(int globalBatch) =>
        from workers in Gen.Choose(1, Math.Min(globalBatch, 65_536))
        from threads in Gen.Choose(0, 64)
        from device in Gen.Elements("cpu", "cuda")
        from port in Gen.Choose(0, 65535)
        from timeout in s_positive.Where(t => t >= 1)
        select new ClusterOptions
        {
            Workers = workers,
            ThreadsPerWorker = threads,
            Device = device,
            Port = port,
            CollectiveTimeoutSeconds = timeout,
            HeartbeatTimeoutSeconds = timeout,
        };
}
