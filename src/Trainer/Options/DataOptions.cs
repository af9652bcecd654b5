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
        "Parquet files, folders of them, globs, or lists of these: a .txt file with one per line, or a .json "
            + "file with an array of strings. Give either this or mixture."
    )]
    public IReadOnlyList<string> Train { get; init; } = [];

    [Description("Several corpora to mix in each batch, each with its own epochs. Give either this or train.")]
    public IReadOnlyList<MixtureOptions> Mixture { get; init; } = [];

    [Description(
        "Share of each corpus of the mixture in the batches: its size times its weight (proportional), its "
            + "weight alone (fixed), or its size to the power 1/temperature times its weight (temperature)."
    )]
    public MixtureSampling Sampling { get; init; } = MixtureSampling.Proportional;

    [Description("Sampling temperature: 1 is proportional; the higher it is, the more often a small corpus is repeated."), Minimum(0.01)]
    public double? Temperature { get; init; }

    [Description(
        "Column of data.train with the image bytes, either flat or a struct with a bytes field. Detected from the "
            + "usual names if empty."
    )]
    public string? ImageColumn { get; init; }

    [
        Description(
            "Column of data.train with the caption, a string or a list of strings, or several columns in order "
                + "of priority. Detected from the usual names if empty."
        ),
        OneOrMore
    ]
    public IReadOnlyList<string>? CaptionColumn { get; init; }

    [Description(
        "Which caption to use if a sample has several: the first that is not blank (first), one drawn at random "
            + "in each epoch (random), or each in turn, one per epoch (all)."
    )]
    public CaptionMode CaptionMode { get; init; } = CaptionMode.First;

    [Description(
        "With data.caption_mode random, a positive weight for each column of data.caption_column; equal weights "
            + "if empty. Captions of the same column share its weight."
    )]
    public IReadOnlyList<double> CaptionWeights { get; init; } = [];

    [Description(
        "Column with the class of an image, a number from 0 or one of data.label_names, for training.objective "
            + "classification. Captions are then not read."
    )]
    public string? LabelColumn { get; init; }

    [Description("Names of the classes in the order of their numbers, if data.label_column holds names.")]
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    [Description(
        "SQL condition over the columns of the corpus that selects the rows to use, as in `clip_score > 0.28 and " + "width >= 200`."
    )]
    public string? Filter { get; init; }

    [Description(
        "Keep only the first of several rows with the same image: identical bytes (exact), or visually the same "
            + "(perceptual: 64-bit pHash, at most 4 bits differ). Reads every image once when the run begins."
    )]
    public Deduplication Deduplicate { get; init; } = Deduplication.None;

    [Description("Balanced sampling over the queries that captions contain.")]
    public BalanceOptions Balance { get; init; } = new();

    [
        Description(
            "Share of the rows to use, drawn from the seed after all other rules, in each corpus of a mixture. A "
                + "smaller subset is contained in a larger one."
        ),
        Minimum(0.000001),
        Maximum(1)
    ]
    public double Subset { get; init; } = 1;

    [Description(
        "BPE vocabulary: `openai`, or the path of a merge list (text or gzip), of a Hugging Face tokenizer.json, "
            + "or of a folder with vocab.json and merges.txt."
    )]
    public string Merges { get; init; } = "openai";

    [Description(
        "How to shorten a caption longer than model.text.context: keep its beginning (cut), or a window of that "
            + "length at a random position, drawn anew in each epoch (window)."
    )]
    public LongCaptions LongCaptions { get; init; } = LongCaptions.Cut;

    [Description("Decoding threads per worker; 0 uses the cores that computation leaves free, at least one."), Minimum(0), Maximum(1024)]
    public int Threads { get; init; }

    [Description("Number of batches prepared ahead of the step that uses them."), Minimum(1), Maximum(1024)]
    public int Prefetch { get; init; } = 2;

    [
        Description(
            "Number of row groups that a batch is mixed from, shared by the corpora of a mixture. They form as "
                + "many partitions, and each worker reads only its own, so give at least as many as there are workers. "
                + "More improves mixing and needs more memory for encoded images: twice this number of row groups, "
                + "divided by the workers. 0 uses as many as fit in 256 MiB."
        ),
        Minimum(0)
    ]
    public int ShuffleWindow { get; init; }

    [
        Description(
            "The run stops if more than this share of the samples read so far could not be used. Below that, a "
                + "step without any usable sample is skipped."
        ),
        Minimum(0),
        Maximum(1)
    ]
    public double MaxBadShare { get; init; } = 0.05;

    [Description("Random resized crop.")]
    public CropOptions Crop { get; init; } = new();

    [Description("Augmentation of training images besides the random crop. The CLIP paper uses none.")]
    public AugmentationOptions Augmentation { get; init; } = new();

    [Description(
        "JPEG decoding in training: fast converts colours after resizing; exact reproduces Pillow's bytes; "
            + "scaled is like fast and decodes large images at 1/2, 1/4 or 1/8, never below the crop's target size. "
            + "Evaluation always uses exact. See docs/results.md for the differences."
    )]
    public JpegDecode Jpeg { get; init; } = JpegDecode.Fast;

    [Description("Rotate images according to their EXIF orientation, in training and evaluation.")]
    public bool ExifOrientation { get; init; }

    [
        Description("An image with more pixels than this is a bad sample. A decoding thread may need four bytes per pixel."),
        Minimum(1),
        Maximum(536870911)
    ]
    public long MaxImagePixels { get; init; } = 89_478_485;

    [Description("An encoded image with more bytes than this is a bad sample."), Minimum(1)]
    public long MaxImageBytes { get; init; } = 64 << 20;

    [
        Description(
            "An image that takes more CPU time than this to decode is a bad sample. Set it far above what any "
                + "good image takes, because faster machines decode images that slower ones give up on."
        ),
        Minimum(0.1),
        Maximum(86400)
    ]
    public double MaxImageSeconds { get; init; } = 60;

    [Description(
        "Render SVG images; if false, an SVG is a bad sample. SVGs are programs, and a few bytes can compute "
            + "forever, so enable this only for drawings from a trusted source."
    )]
    public bool AllowSvg { get; init; }
}

[Description("One corpus of a mixture. The filter, deduplication, balancing and subset of data apply to each corpus separately.")]
public sealed record MixtureOptions
{
    [Description("Name of the corpus in reports.")]
    public required string Name { get; init; }

    [Description("Parquet files, folders of them, globs, or lists of these.")]
    public required IReadOnlyList<string> Files { get; init; }

    [Description("Weight of the corpus relative to the others; data.sampling defines its meaning."), Minimum(0.000001), Maximum(1000000)]
    public double Weight { get; init; } = 1;

    [Description("Column with the image bytes. Detected from the usual names if empty.")]
    public string? ImageColumn { get; init; }

    [
        Description(
            "Column with the caption, a string or a list of strings, or several columns in order of priority. "
                + "Detected from the usual names if empty."
        ),
        OneOrMore
    ]
    public IReadOnlyList<string>? CaptionColumn { get; init; }
}

[Description(
    "Balanced sampling over queries, as in MetaCLIP (arXiv 2309.16671): for each query in its caption, a pair is "
        + "drawn with a probability that limits the number of pairs per query. Pairs that match no query are dropped."
)]
public sealed record BalanceOptions
{
    [Description("File with one query per line, matched as whole words, ignoring case. No balancing if empty.")]
    public string? Queries { get; init; }

    [Description("Average number of pairs drawn per query, at most; per corpus in a mixture."), Minimum(1)]
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

[Description(
    "Augmentation of training crops, in this order. Flip, color_jitter and grayscale use torchvision's formulas. Every random choice is a "
        + "function of seed, epoch and sample."
)]
public sealed record AugmentationOptions
{
    [Description("Probability of mirroring an image."), Minimum(0), Maximum(1)]
    public double Flip { get; init; }

    [Description("Random rotation about the centre.")]
    public RotationOptions Rotation { get; init; } = new() { Probability = 0 };

    [Description("Random border: the image shrinks and a background surrounds it.")]
    public BorderOptions Border { get; init; } = new() { Probability = 0 };

    [Description("Random colour changes.")]
    public ColorJitterOptions ColorJitter { get; init; } = new() { Probability = 0 };

    [Description("Probability of converting an image to greyscale."), Minimum(0), Maximum(1)]
    public double Grayscale { get; init; }

    [Description("Random Gaussian blur.")]
    public BlurOptions Blur { get; init; } = new() { Probability = 0 };

    [Description("Random JPEG compression at the tower's size.")]
    public JpegOptions Jpeg { get; init; } = new() { Probability = 0 };
}

[Description("Rotation. The corners that it leaves are white, black or of a random colour, each equally often.")]
public sealed record RotationOptions
{
    [Description("Probability of rotating an image; 0 for none."), Minimum(0), Maximum(1)]
    public required double Probability { get; init; }

    [Description("The angle is uniform in ± this."), Minimum(0), Maximum(180)]
    public double Degrees { get; init; } = 10;
}

[Description("A border in white, black or a random colour, each equally often; rotated corners have the same colour.")]
public sealed record BorderOptions
{
    [Description("Probability of adding a border; 0 for none."), Minimum(0), Maximum(1)]
    public required double Probability { get; init; }

    [Description("The border's width on each side is uniform between 0 and this share of the result's side."), Minimum(0), Maximum(0.45)]
    public double MaxWidth { get; init; } = 0.12;
}

[Description("torchvision's ColorJitter: brightness, contrast, saturation and hue in random order.")]
public sealed record ColorJitterOptions
{
    [Description("Probability of changing an image's colours; 0 for none."), Minimum(0), Maximum(1)]
    public required double Probability { get; init; }

    [Description("The brightness factor is uniform in 1 ± this, and never below 0."), Minimum(0)]
    public double Brightness { get; init; }

    [Description("The same for the contrast factor."), Minimum(0)]
    public double Contrast { get; init; }

    [Description("The same for the saturation factor."), Minimum(0)]
    public double Saturation { get; init; }

    [Description("The hue is shifted by a fraction of the colour circle that is uniform in ± this."), Minimum(0), Maximum(0.5)]
    public double Hue { get; init; }
}

[Description("Gaussian blur with mirrored edges. Its standard deviation is uniform between the two.")]
public sealed record BlurOptions
{
    [Description("Probability of blurring an image; 0 for none."), Minimum(0), Maximum(1)]
    public required double Probability { get; init; }

    [Description("Smallest standard deviation, in pixels of the tower's input."), Minimum(0.01), Maximum(10)]
    public double MinSigma { get; init; } = 0.1;

    [Description("Largest standard deviation, in pixels of the tower's input."), Minimum(0.01), Maximum(10)]
    public double MaxSigma { get; init; } = 2;
}

[Description("JPEG compression without chroma subsampling. Its quality is uniform between the two.")]
public sealed record JpegOptions
{
    [Description("Probability of compressing an image; 0 for none."), Minimum(0), Maximum(1)]
    public required double Probability { get; init; }

    [Description("Lowest quality."), Minimum(1), Maximum(100)]
    public int MinQuality { get; init; } = 30;

    [Description("Highest quality."), Minimum(1), Maximum(100)]
    public int MaxQuality { get; init; } = 95;
}
