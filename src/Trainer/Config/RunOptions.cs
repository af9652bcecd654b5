using System.ComponentModel;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.Trainer.Config;

/// <summary>One run, as its YAML file says. Every property's description and default go into the schema and the reference.</summary>
[Description("One training run.")]
public sealed record RunOptions
{
    [Description("The run's name; its directory under output.directory is called so.")]
    public string Name { get; init; } = "run";

    [Description("Seed of everything random: initial weights, order of samples, crops.")]
    public ulong Seed { get; init; }

    [Description("The model: a name from configs/models, the path of a YAML file, or the model's keys themselves.")]
    public required ModelOptions Model { get; init; }

    [Description("The training corpus and how it is read.")]
    public required DataOptions Data { get; init; }

    [Description("Batch, length, precision, optimizer and schedule.")]
    public required TrainingOptions Training { get; init; }

    [Description("Workers and the devices that they use.")]
    public ClusterOptions Cluster { get; init; } = new();

    [Description("When checkpoints are written and how many are kept.")]
    public CheckpointOptions Checkpoint { get; init; } = new();

    [Description("What is measured when training has ended.")]
    public EvaluationOptions Evaluation { get; init; } = new();

    [Description("Where results go.")]
    public OutputOptions Output { get; init; } = new();
}

[Description("A CLIP: an image tower, a text tower and the space that they share.")]
public sealed record ModelOptions
{
    [Description("Width of the shared embedding."), Minimum(1)]
    public required int EmbedDim { get; init; }

    [Description("The image tower, a Vision Transformer or a ResNet.")]
    public required ImageTowerOptions Image { get; init; }

    [Description("The text tower, a transformer.")]
    public required TextTowerOptions Text { get; init; }

    [Description("Activation of the transformers' MLPs. OpenAI's weights need quick_gelu, x·sigmoid(1.702x).")]
    public Activation Activation { get; init; } = Activation.Gelu;
}

public enum Activation
{
    Gelu,
    QuickGelu,
}

public enum ImageArchitecture
{
    Vit,
    Resnet,
}

public enum PatchEmbedding
{
    Linear,
    Convolution,
    ConvStem,
}

public enum ImagePooling
{
    ClassToken,
    Average,
    Attention,
}

public enum ImagePositions
{
    Learned,
    Sine,
    None,
}

[Description("A Vision Transformer (Dosovitskiy et al. 2021) as CLIP has it, with an extra LayerNorm before the blocks and no bias in the patch embedding; or CLIP's ResNet (arXiv 2103.00020, section 2.4).")]
public sealed record ImageTowerOptions
{
    [Description("vit, or resnet: three-convolution stem, anti-aliased shortcuts, attention pooling. A resnet has size, width, blocks and heads of these keys alone.")]
    public ImageArchitecture Architecture { get; init; }

    [Description("Side of the square input in pixels; a multiple of patch, or of 32 for a resnet."), Minimum(1)]
    public required int Size { get; init; }

    [Description("Side of a patch in pixels; a vit must have it. 1 makes every pixel a token."), Minimum(1)]
    public int? Patch { get; init; }

    [Description("Pixels from a patch to the next; less than patch makes patches overlap. By default patch."), Minimum(1)]
    public int? Stride { get; init; }

    [Description("Width of the residual stream of a vit, a multiple of heads; channels of a resnet's stem and first stage."), Minimum(1)]
    public required int Width { get; init; }

    [Description("Number of blocks; a vit must have it."), Minimum(1)]
    public int? Layers { get; init; }

    [Description("Bottleneck blocks of each of a resnet's four stages.")]
    public IReadOnlyList<int>? Blocks { get; init; }

    [Description("Attention heads, of a resnet those of its pooling; CLIP's models have width / 64, resnets width / 2."), Minimum(1)]
    public required int Heads { get; init; }

    [Description("Hidden width of the MLP as a multiple of width."), Minimum(0.01)]
    public double MlpRatio { get; init; } = 4;

    [Description("How patches become tokens: linear (flatten and multiply) or convolution, which are the same function with the same weights; or conv_stem, 3×3 convolutions of stride 2 with BatchNorm (arXiv 2106.14881), where patch is a power of 2.")]
    public PatchEmbedding PatchEmbedding { get; init; }

    [Description("Where the feature is read: class_token, the average of the patches, or attention of a learned query over them (MAP, arXiv 2106.04560).")]
    public ImagePooling Pooling { get; init; }

    [Description("Positions of the patches: learned, sine (fixed, two-dimensional), or none.")]
    public ImagePositions Positions { get; init; }

    [Description("Tokens beside those of patches and class that blocks may write to and nothing reads (arXiv 2309.16588)."), Minimum(0)]
    public int Registers { get; init; }

    [Description("Share of an image's patches that training leaves out, drawn anew for each epoch (FLIP, arXiv 2212.00794). Evaluation sees all."), Minimum(0), Maximum(0.999999)]
    public double PatchDropout { get; init; }

    [Description("Classes of the linear head on the tower's feature, for training.objective classification."), Minimum(2)]
    public int? Classes { get; init; }
}

public enum TextAttention
{
    Causal,
    Bidirectional,
}

public enum TextPooling
{
    EndOfText,
    Last,
    Mean,
}

[Description("CLIP's text transformer, pre-norm.")]
public sealed record TextTowerOptions
{
    [Description("Tokens a caption is cut or padded to."), Minimum(2)]
    public int Context { get; init; } = 77;

    [Description("Size of the vocabulary; must be that of the tokenizer."), Minimum(2)]
    public int Vocabulary { get; init; } = 49408;

    [Description("Width of the residual stream; a multiple of heads."), Minimum(1)]
    public required int Width { get; init; }

    [Description("Number of blocks."), Minimum(1)]
    public required int Layers { get; init; }

    [Description("Attention heads; CLIP's models have width / 64."), Minimum(1)]
    public required int Heads { get; init; }

    [Description("Hidden width of the MLP as a multiple of width."), Minimum(0.01)]
    public double MlpRatio { get; init; } = 4;

    [Description("What a token attends to: causal, itself and those before it, as CLIP's; or bidirectional, all of the caption.")]
    public TextAttention Attention { get; init; }

    [Description("Where the feature is read: end_of_text, as CLIP's; last, the context's last token, padding counting as text; or mean, over the caption's tokens.")]
    public TextPooling Pooling { get; init; }
}

[Description("A Parquet corpus of images and captions.")]
public sealed record DataOptions
{
    [Description("Parquet files, folders of them, globs, or lists of these: a .txt with one a line, or a .json with an array of texts; give this or mixture.")]
    public IReadOnlyList<string> Train { get; init; } = [];

    [Description("Several corpora that the batches are mixed from, each with its own epochs; give this or train.")]
    public IReadOnlyList<MixtureOptions> Mixture { get; init; } = [];

    [Description("What a corpus of the mixture has of the batches: its size times its weight (proportional), its weight alone (fixed), or its size to the power 1/temperature times its weight (temperature).")]
    public MixtureSampling Sampling { get; init; } = MixtureSampling.Proportional;

    [Description("The temperature of sampling: 1 is proportional, and the higher the more a small corpus is repeated."), Minimum(0.01)]
    public double? Temperature { get; init; }

    [Description("Column of data.train with the image bytes, flat or a struct with a bytes field; found by its usual names when empty.")]
    public string? ImageColumn { get; init; }

    [Description("Column of data.train with the caption, text or a list of texts, or several in the order of their priority; found by its usual names when empty."), OneOrMore]
    public IReadOnlyList<string>? CaptionColumn { get; init; }

    [Description("Which of a pair's captions is used where there are several: the first that is not blank; one by chance, drawn anew in each epoch (random); or each in turn, one an epoch (all).")]
    public CaptionMode CaptionMode { get; init; } = CaptionMode.First;

    [Description("With data.caption_mode random, a positive weight for each of data.caption_column; all weigh alike when empty. The captions of one column share its weight.")]
    public IReadOnlyList<double> CaptionWeights { get; init; } = [];

    [Description("Column with the class of an image, a number from 0 or one of data.label_names, for training.objective classification; captions are not read then.")]
    public string? LabelColumn { get; init; }

    [Description("Names of the classes in the order of their numbers, where data.label_column holds names.")]
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    [Description("SQL condition over the corpus' columns; rows for which it holds are used, as in `clip_score > 0.28 and width >= 200`.")]
    public string? Filter { get; init; }

    [Description("Of several rows with the same image only the first is used: same in every byte of its file (exact), or to the eye (perceptual: 64-bit pHash, at most 4 bits differ). Reads every image once, when the run begins.")]
    public Deduplication Deduplicate { get; init; } = Deduplication.None;

    [Description("Balanced sampling over the queries that captions hold.")]
    public BalanceOptions Balance { get; init; } = new();

    [Description("Share of the rows that is used, drawn from the seed after all other rules; a smaller share lies in a larger one, in each corpus of a mixture."), Minimum(0.000001), Maximum(1)]
    public double Subset { get; init; } = 1;

    [Description("BPE vocabulary: `openai`, or the path of a merge list (text or gzip), of Hugging Face's tokenizer.json, or of a folder with vocab.json and merges.txt.")]
    public string Merges { get; init; } = "openai";

    [Description("What of a caption is used that is longer than model.text.context: its beginning (cut), or so many tokens from a random place (window), drawn anew in each epoch.")]
    public LongCaptions LongCaptions { get; init; } = LongCaptions.Cut;

    [Description("Decoding threads a worker; 0 takes the cores that compute leaves, at least one."), Minimum(0)]
    public int Threads { get; init; }

    [Description("Batches prepared ahead of the step that uses them."), Minimum(1)]
    public int Prefetch { get; init; } = 2;

    [Description("Row groups that a batch is mixed from; the corpora of a mixture share them. They are dealt to as many partitions, and a worker reads its own alone, so give at least as many as there are workers. More mixes better and holds more encoded images in memory: twice so many row groups, divided by the workers. 0 takes as many as hold 256 MiB."), Minimum(0)]
    public int ShuffleWindow { get; init; }

    [Description("The run stops when more than this share of the samples read so far could not be used."), Minimum(0), Maximum(1)]
    public double MaxBadShare { get; init; } = 0.05;

    [Description("Random resized crop.")]
    public CropOptions Crop { get; init; } = new();

    [Description("What training does to a crop beyond resizing it. The paper does nothing.")]
    public AugmentationOptions Augmentation { get; init; } = new();

    [Description("How training decodes JPEGs: fast makes colours after resizing; exact gives Pillow's bytes; scaled is fast and decodes large images at 1/2, 1/4 or 1/8, not under the crop's target. Evaluation is exact. docs/results.md has the differences.")]
    public JpegDecode Jpeg { get; init; } = JpegDecode.Fast;

    [Description("Turn pictures as their EXIF orientation says, in training and evaluation.")]
    public bool ExifOrientation { get; init; }

    [Description("An image of more pixels than this is a bad sample. A decoding thread may hold four bytes for each."), Minimum(1), Maximum(536870911)]
    public long MaxImagePixels { get; init; } = 89_478_485;

    [Description("An encoded image of more bytes than this is a bad sample."), Minimum(1)]
    public long MaxImageBytes { get; init; } = 64 << 20;
}

[Description("Augmentation, with torchvision's formulas; every choice is a function of the seed, the epoch and the sample.")]
public sealed record AugmentationOptions
{
    [Description("Share of the images that are mirrored."), Minimum(0), Maximum(1)]
    public double Flip { get; init; }

    [Description("Random changes of colour.")]
    public ColorJitterOptions ColorJitter { get; init; } = new();

    [Description("Share of the images that lose their colours."), Minimum(0), Maximum(1)]
    public double Grayscale { get; init; }
}

[Description("torchvision's ColorJitter: brightness, contrast, saturation and hue in random order.")]
public sealed record ColorJitterOptions
{
    [Description("Share of the images whose colours are changed."), Minimum(0), Maximum(1)]
    public double Probability { get; init; }

    [Description("The factor on brightness is uniform in 1 ± this, not under 0."), Minimum(0)]
    public double Brightness { get; init; }

    [Description("The same for contrast."), Minimum(0)]
    public double Contrast { get; init; }

    [Description("The same for saturation."), Minimum(0)]
    public double Saturation { get; init; }

    [Description("Hues are turned by a share of the colour circle that is uniform in ± this."), Minimum(0), Maximum(0.5)]
    public double Hue { get; init; }
}

[Description("Balanced sampling over queries, as in MetaCLIP (arXiv 2309.16671): a pair is drawn for each query that its caption holds, with a probability that caps the pairs a query draws; pairs without a query go.")]
public sealed record BalanceOptions
{
    [Description("File with a query a line, matched as whole words without regard to case; no balancing when empty.")]
    public string? Queries { get; init; }

    [Description("Pairs that a query draws at most, on average; in a mixture, from each corpus."), Minimum(1)]
    public int Cap { get; init; } = 20_000;
}

[Description("A corpus of a mixture. It is filtered, deduplicated, balanced and cut to its subset by itself, by the rules of data.")]
public sealed record MixtureOptions
{
    [Description("Its name in reports.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, globs, or lists of these.")]
    public required IReadOnlyList<string> Files { get; init; }

    [Description("Its share of the batches, relative to the others', as sampling says."), Minimum(0.000001), Maximum(1000000)]
    public double Weight { get; init; } = 1;

    [Description("Column with the image bytes; found by its usual names when empty.")]
    public string? ImageColumn { get; init; }

    [Description("Column with the caption, text or a list of texts, or several in the order of their priority; found by its usual names when empty."), OneOrMore]
    public IReadOnlyList<string>? CaptionColumn { get; init; }
}

[Description("The training augmentation: a random crop resized to the tower's size.")]
public sealed record CropOptions
{
    [Description("Smallest share of the image's area that a crop keeps."), Minimum(0.001), Maximum(1)]
    public double MinScale { get; init; } = 0.9;

    [Description("Largest share of the image's area that a crop keeps."), Minimum(0.001), Maximum(1)]
    public double MaxScale { get; init; } = 1;

    [Description("Smallest aspect ratio, width over height, of a crop."), Minimum(0.01)]
    public double MinRatio { get; init; } = 0.75;

    [Description("Largest aspect ratio, width over height, of a crop."), Minimum(0.01)]
    public double MaxRatio { get; init; } = 4.0 / 3;
}

public enum Precision
{
    Fp32,
    Bf16,
}

public enum Objective
{
    Contrastive,
    Sigmoid,
    BagOfWords,
    Captioning,
    Classification,
}

public enum ActivationCheckpointing
{
    None,
    Block,
}

[Description("The optimisation. Defaults are the CLIP paper's for a ViT (arXiv 2103.00020, tables 18 to 20).")]
public sealed record TrainingOptions
{
    [Description("What the model learns: contrastive, CLIP's softmax over the global batch; sigmoid, SigLIP's pairwise loss with a learned bias (arXiv 2303.15343); or, from the image alone, bag_of_words, which tokens its caption holds (arXiv 1511.02251), captioning, the caption itself, token by token, or classification, its label. The last three have no text tower to compare images with.")]
    public Objective Objective { get; init; }

    [Description("Share of a label's weight that is spread evenly over all classes, for objective classification."), Minimum(0), Maximum(0.999999)]
    public double LabelSmoothing { get; init; }

    [Description("Pairs in a step, over all workers."), Minimum(1)]
    public required int GlobalBatch { get; init; }

    [Description("Length of the run in optimizer steps; give this or epochs."), Minimum(1)]
    public long? Steps { get; init; }

    [Description("Length of the run in passes over the corpus, of a mixture in multiples of all its samples; give this or steps."), Minimum(0.000001)]
    public double? Epochs { get; init; }

    [Description("Type that the towers compute in. Master weights, LayerNorm, loss and optimizer are fp32 always.")]
    public Precision Precision { get; init; } = Precision.Fp32;

    [Description("Peak learning rate."), Minimum(0)]
    public double LearningRate { get; init; } = 5e-4;

    [Description("Steps of linear warm-up; a cosine to zero follows."), Minimum(0)]
    public long WarmupSteps { get; init; } = 2000;

    [Description("Decay of the first moment."), Minimum(0), Maximum(0.999999)]
    public double Beta1 { get; init; } = 0.9;

    [Description("Decay of the second moment."), Minimum(0), Maximum(0.999999)]
    public double Beta2 { get; init; } = 0.98;

    [Description("Added to the root of the second moment."), Minimum(0)]
    public double Epsilon { get; init; } = 1e-6;

    [Description("Decoupled weight decay, on matrices only."), Minimum(0)]
    public double WeightDecay { get; init; } = 0.2;

    [Description("The gradient's norm over all parameters is clipped to this; 0 does not clip."), Minimum(0)]
    public double GradientClip { get; init; }

    [Description("The factor on the cosine similarities, exp of the learned logit scale, is clipped to this."), Minimum(1)]
    public double MaxLogitScale { get; init; } = 100;

    [Description("Rows of the matrix of logits that are held at once."), Minimum(1)]
    public int LossTileRows { get; init; } = 512;

    [Description("Pairs that a worker runs through the towers at once; 0 for all of its share. The loss is that of the global batch all the same: towers run forward twice (GradCache, arXiv 2101.06983), and memory grows with this in place of the batch."), Minimum(0)]
    public int MicroBatch { get; init; }

    [Description("What the backward pass computes again to save memory: none, or block, which keeps the inputs of the transformer blocks alone. The gradients are the same.")]
    public ActivationCheckpointing ActivationCheckpointing { get; init; } = ActivationCheckpointing.None;

    [Description("BatchNorms normalise with the statistics of what all workers compute at once, in place of one worker's; for models that have any.")]
    public bool SyncBatchNorm { get; init; }

    [Description("Each worker keeps the optimizer's moments of its part of the weights alone (ZeRO stage 1, arXiv 1910.02054). The weights become the same.")]
    public bool ShardOptimizer { get; init; }

    [Description("Weights that the run starts from: a file, a checkpoint, a run, of which the newest checkpoint is meant, or a folder of open_clip, Hugging Face or cliptrain export. Positions of another resolution or context are resized, a token table of another vocabulary gives the rows of the tokens that both have; start_from.json in the run's directory says what became of each tensor. By default weights are drawn from the seed.")]
    public string? StartFrom { get; init; }

    [Description("Tensors that start fresh all the same, by what their names begin with, as in [text_projection, visual.proj].")]
    public IReadOnlyList<string> StartFromExcept { get; init; } = [];

    [Description("SHA-256 of what is taken of training.start_from. The run writes it into its config.yaml, so that none of its workers starts from other weights.")]
    public string? StartFromSha256 { get; init; }

    [Description("Which groups of the towers are trained. A tower's groups are its stem (patches or tokens, with positions), each of its blocks, and what makes the embedding of the last block's output. The others are locked: they get no gradient, no decay and no moments, their BatchNorms keep the running statistics, and no backward pass goes through them.")]
    public UnlockedGroupsOptions UnlockedGroups { get; init; } = new();

    [Description("What a group's learning rate is of that of the group behind it (BEiT, arXiv 2106.08254). The last group of a tower has the full rate.")]
    public LayerDecayOptions LayerDecay { get; init; } = new();

    [Description("What the text tower's matrices hold between steps: fp32, or values of bf16, to which each update rounds them stochastically, right on average (arXiv 1502.02551). Gains and biases are fp32 always.")]
    public Precision TextWeights { get; init; } = Precision.Fp32;
}

[Description("Groups of each tower that are trained, counted from its end.")]
public sealed record UnlockedGroupsOptions
{
    [Description("Of the image tower; 0 locks all of it (LiT, arXiv 2111.07991). By default all are trained."), Minimum(0)]
    public int? Image { get; init; }

    [Description("Of the text tower; 0 locks all of it. By default all are trained."), Minimum(0)]
    public int? Text { get; init; }
}

[Description("Layer-wise decay of the learning rate, for each tower.")]
public sealed record LayerDecayOptions
{
    [Description("Of the image tower; 1 gives all groups the same rate."), Minimum(0.000001), Maximum(1)]
    public double Image { get; init; } = 1;

    [Description("Of the text tower; 1 gives all groups the same rate."), Minimum(0.000001), Maximum(1)]
    public double Text { get; init; } = 1;
}

[Description("Workers of one run.")]
public sealed record ClusterOptions
{
    [Description("Worker processes. `cliptrain train` starts so many; `cliptrain coordinator` waits for so many before the first step."), Minimum(1)]
    public int Workers { get; init; } = 1;

    [Description("With fewer workers than this the run waits for more; by default cluster.workers. Less lets the run go on with those that are left: the same batches, larger shares."), Minimum(1)]
    public int? MinWorkers { get; init; }

    [Description("More workers than this wait as spares; by default cluster.workers."), Minimum(1)]
    public int? MaxWorkers { get; init; }

    [Description("Compute threads a worker; 0 shares the cores out evenly."), Minimum(0)]
    public int ThreadsPerWorker { get; init; }

    [Description("Device of the workers: cpu, or cuda (worker i uses cuda:i).")]
    public string Device { get; init; } = "cpu";

    [Description("Port of the coordinator of `cliptrain train` on loopback; 0 takes a free one."), Minimum(0), Maximum(65535)]
    public int Port { get; init; }

    [Description("A collective that takes longer than this counts as broken: the workers regroup."), Minimum(1)]
    public double CollectiveTimeoutSeconds { get; init; } = 300;

    [Description("The lease: a worker that is not heard of for this long counts as lost."), Minimum(1)]
    public double HeartbeatTimeoutSeconds { get; init; } = 30;

    [Description("How long the first generation waits for all cluster.workers before cluster.min_workers are enough."), Minimum(1)]
    public double FormingTimeoutSeconds { get; init; } = 120;

    [Description("A worker that cannot reach the coordinator for this long stops at a checkpoint."), Minimum(1)]
    public double CoordinatorTimeoutSeconds { get; init; } = 600;
}

[Description("Checkpoints. One is also written at the end, on Ctrl-C or SIGTERM, and by a survivor when a worker is lost.")]
public sealed record CheckpointOptions
{
    [Description("A checkpoint every so many steps; 0 for none."), Minimum(0)]
    public long EverySteps { get; init; }

    [Description("A checkpoint every so many minutes; 0 for none."), Minimum(0)]
    public double EveryMinutes { get; init; } = 10;

    [Description("How many checkpoints are kept; the newest stay."), Minimum(1)]
    public int Keep { get; init; } = 2;
}

[Description("Evaluation after training.")]
public sealed record EvaluationOptions
{
    [Description("Image-to-text and text-to-image retrieval, a split each.")]
    public IReadOnlyList<RetrievalOptions> Retrieval { get; init; } = [];

    [Description("Zero-shot classification, a labelled split each.")]
    public IReadOnlyList<ZeroShotOptions> ZeroShot { get; init; } = [];

    [Description("Accuracy of the classes that training.objective classification learns, a split each.")]
    public IReadOnlyList<ClassificationOptions> Classification { get; init; } = [];

    [Description("Images embedded at once."), Minimum(1)]
    public int Batch { get; init; } = 256;
}

[Description("A split on which recall is measured. Pairs with the same caption count as one concept.")]
public sealed record RetrievalOptions
{
    [Description("Name of the split in reports, as in eval.NAME.image_to_text.r1.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, or globs.")]
    public required IReadOnlyList<string> Data { get; init; }
}

[Description("A labelled split that is classified by comparing images with descriptions of the classes.")]
public sealed record ZeroShotOptions
{
    [Description("Name of the split in reports, as in eval.NAME.top1.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, or globs.")]
    public required IReadOnlyList<string> Data { get; init; }

    [Description("Column with the class name; rows where it is null are left out.")]
    public string LabelColumn { get; init; } = "label";

    [Description("Prompt templates; {} stands for the class name. Embeddings of all are averaged.")]
    public IReadOnlyList<string> Templates { get; init; } = ["a photo of a {}."];
}

[Description("A labelled split on which accuracy is measured, with the labels of data.label_column.")]
public sealed record ClassificationOptions
{
    [Description("Name of the split in reports, as in eval.NAME.top1.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, or globs.")]
    public required IReadOnlyList<string> Data { get; init; }
}

[Description("Where a run's files go.")]
public sealed record OutputOptions
{
    [Description("Folder that holds the run directories.")]
    public string Directory { get; init; } = "runs";

    [Description("Write TensorBoard event files beside metrics.jsonl.")]
    public bool Tensorboard { get; init; } = true;

    [Description("Write a metrics line every so many steps."), Minimum(1)]
    public int LogEverySteps { get; init; } = 1;
}
