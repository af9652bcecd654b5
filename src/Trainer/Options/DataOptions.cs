using System.ComponentModel;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.Trainer.Options;

[Description("A Parquet corpus of images and captions.")]
public sealed record DataOptions
{
    [Description(
        "Parquet files, folders of them, globs, or lists of these: a .txt with one a line, or a .json with an array of texts; give this "
            + "or mixture."
    )]
    public IReadOnlyList<string> Train { get; init; } = [];

    [Description("Several corpora that the batches are mixed from, each with its own epochs; give this or train.")]
    public IReadOnlyList<MixtureOptions> Mixture { get; init; } = [];

    [Description(
        "What a corpus of the mixture has of the batches: its size times its weight (proportional), its weight alone (fixed), or its "
            + "size to the power 1/temperature times its weight (temperature)."
    )]
    public MixtureSampling Sampling { get; init; } = MixtureSampling.Proportional;

    [Description("The temperature of sampling: 1 is proportional, and the higher the more a small corpus is repeated."), Minimum(0.01)]
    public double? Temperature { get; init; }

    [Description("Column of data.train with the image bytes, flat or a struct with a bytes field; found by its usual names when empty.")]
    public string? ImageColumn { get; init; }

    [
        Description(
            "Column of data.train with the caption, text or a list of texts, or several in the order of their priority; found by its "
                + "usual names when empty."
        ),
        OneOrMore
    ]
    public IReadOnlyList<string>? CaptionColumn { get; init; }

    [Description(
        "Which of a pair's captions is used where there are several: the first that is not blank; one by chance, drawn anew in each "
            + "epoch (random); or each in turn, one an epoch (all)."
    )]
    public CaptionMode CaptionMode { get; init; } = CaptionMode.First;

    [Description(
        "With data.caption_mode random, a positive weight for each of data.caption_column; all weigh alike when empty. The captions of "
            + "one column share its weight."
    )]
    public IReadOnlyList<double> CaptionWeights { get; init; } = [];

    [Description(
        "Column with the class of an image, a number from 0 or one of data.label_names, for training.objective classification; captions "
            + "are not read then."
    )]
    public string? LabelColumn { get; init; }

    [Description("Names of the classes in the order of their numbers, where data.label_column holds names.")]
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    [Description("SQL condition over the corpus' columns; rows for which it holds are used, as in `clip_score > 0.28 and width >= 200`.")]
    public string? Filter { get; init; }

    [Description(
        "Of several rows with the same image only the first is used: same in every byte of its file (exact), or to the eye (perceptual: "
            + "64-bit pHash, at most 4 bits differ). Reads every image once, when the run begins."
    )]
    public Deduplication Deduplicate { get; init; } = Deduplication.None;

    [Description("Balanced sampling over the queries that captions hold.")]
    public BalanceOptions Balance { get; init; } = new();

    [
        Description(
            "Share of the rows that is used, drawn from the seed after all other rules; a smaller share lies in a larger one, in each "
                + "corpus of a mixture."
        ),
        Minimum(0.000001),
        Maximum(1)
    ]
    public double Subset { get; init; } = 1;

    [Description(
        "BPE vocabulary: `openai`, or the path of a merge list (text or gzip), of Hugging Face's tokenizer.json, or of a folder with "
            + "vocab.json and merges.txt."
    )]
    public string Merges { get; init; } = "openai";

    [Description(
        "What of a caption is used that is longer than model.text.context: its beginning (cut), or so many tokens from a random place "
            + "(window), drawn anew in each epoch."
    )]
    public LongCaptions LongCaptions { get; init; } = LongCaptions.Cut;

    [Description("Decoding threads a worker; 0 takes the cores that compute leaves, at least one."), Minimum(0), Maximum(1024)]
    public int Threads { get; init; }

    [Description("Batches prepared ahead of the step that uses them."), Minimum(1), Maximum(1024)]
    public int Prefetch { get; init; } = 2;

    [
        Description(
            "Row groups that a batch is mixed from; the corpora of a mixture share them. They are dealt to as many partitions, and a "
                + "worker reads its own alone, so give at least as many as there are workers. More mixes better and holds more encoded "
                + "images in memory: twice so many row groups, divided by the workers. 0 takes as many as hold 256 MiB."
        ),
        Minimum(0)
    ]
    public int ShuffleWindow { get; init; }

    [
        Description(
            "The run stops when more than this share of the samples read so far could not be used. A step in which no sample is usable "
                + "is skipped below that."
        ),
        Minimum(0),
        Maximum(1)
    ]
    public double MaxBadShare { get; init; } = 0.05;

    [Description("Random resized crop.")]
    public CropOptions Crop { get; init; } = new();

    [Description("What training does to a crop beyond resizing it. The paper does nothing.")]
    public AugmentationOptions Augmentation { get; init; } = new();

    [Description(
        "How training decodes JPEGs: fast makes colours after resizing; exact gives Pillow's bytes; scaled is fast and decodes large "
            + "images at 1/2, 1/4 or 1/8, not under the crop's target. Evaluation is exact. docs/results.md has the differences."
    )]
    public JpegDecode Jpeg { get; init; } = JpegDecode.Fast;

    [Description("Turn pictures as their EXIF orientation says, in training and evaluation.")]
    public bool ExifOrientation { get; init; }

    [
        Description("An image of more pixels than this is a bad sample. A decoding thread may hold four bytes for each."),
        Minimum(1),
        Maximum(536870911)
    ]
    public long MaxImagePixels { get; init; } = 89_478_485;

    [Description("An encoded image of more bytes than this is a bad sample."), Minimum(1)]
    public long MaxImageBytes { get; init; } = 64 << 20;

    [
        Description(
            "An image that takes more processor time than this to decode is a bad sample. Faster machines may decode what slower ones "
                + "give up, so set it far above what any good image takes."
        ),
        Minimum(0.1),
        Maximum(86400)
    ]
    public double MaxImageSeconds { get; init; } = 60;

    [Description(
        "Draw SVG images, which are programs: a few bytes can compute for ever. For drawings of a known source; without it an SVG is a "
            + "bad sample."
    )]
    public bool AllowSvg { get; init; }
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

    [
        Description(
            "Column with the caption, text or a list of texts, or several in the order of their priority; found by its usual names when "
                + "empty."
        ),
        OneOrMore
    ]
    public IReadOnlyList<string>? CaptionColumn { get; init; }
}

[Description(
    "Balanced sampling over queries, as in MetaCLIP (arXiv 2309.16671): a pair is drawn for each query that its caption holds, with a "
        + "probability that caps the pairs a query draws; pairs without a query go."
)]
public sealed record BalanceOptions
{
    [Description("File with a query a line, matched as whole words without regard to case; no balancing when empty.")]
    public string? Queries { get; init; }

    [Description("Pairs that a query draws at most, on average; in a mixture, from each corpus."), Minimum(1)]
    public int Cap { get; init; } = 20_000;
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
