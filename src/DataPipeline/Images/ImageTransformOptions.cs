using System.Globalization;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// Preparation of images for a model. The defaults are CLIP's normalisation and open_clip's training crop without other augmentation.
/// </summary>
/// <param name="Size">Side of the square result in pixels.</param>
public sealed record ImageTransformOptions(int Size)
{
    /// <summary>Type of the result's values.</summary>
    public ImageType Type { get; init; } = ImageType.Fp32;

    /// <summary>Smallest share of the image's area kept by a training crop.</summary>
    public double MinScale { get; init; } = 0.9;

    /// <summary>Largest share of the image's area kept by a training crop.</summary>
    public double MaxScale { get; init; } = 1;

    /// <summary>Smallest aspect ratio, width over height, of a training crop.</summary>
    public double MinRatio { get; init; } = 3.0 / 4;

    /// <summary>Largest aspect ratio, width over height, of a training crop.</summary>
    public double MaxRatio { get; init; } = 4.0 / 3;

    /// <summary>Share of training samples that are mirrored.</summary>
    public double FlipProbability { get; init; }

    /// <summary>Rotation of training samples in degrees.</summary>
    public RandomStrength Rotation { get; init; } = RandomStrength.None;

    /// <summary>Border around training samples: its width on each side as a share of the result's side, below 0.5.</summary>
    public RandomStrength Border { get; init; } = RandomStrength.None;

    /// <summary>Colour changes of training samples.</summary>
    public ColourJitter Jitter { get; init; } = ColourJitter.None;

    /// <summary>Share of training samples turned to greyscale.</summary>
    public double GreyscaleProbability { get; init; }

    /// <summary>Gaussian blur of training samples: its standard deviation in pixels of the result.</summary>
    public RandomStrength Blur { get; init; } = RandomStrength.None;

    /// <summary>JPEG compression of training samples, at the result's size: its quality, 1 to 100.</summary>
    public RandomStrength Compression { get; init; } = RandomStrength.None;

    /// <summary>JPEG decoding in training.</summary>
    public JpegDecode Jpeg { get; init; } = JpegDecode.Fast;

    /// <summary>Interpolation in evaluation; training crops are bicubic.</summary>
    public ResampleFilter Filter { get; init; }

    /// <summary>How evaluation makes images square.</summary>
    public ResizeMode Resize { get; init; }

    /// <summary>True to apply EXIF orientation.</summary>
    public bool Orient { get; init; }

    /// <summary>Limits on the cost of an image.</summary>
    public ImageLimits Limits { get; init; } = new();

    /// <summary>Means and deviations of the output.</summary>
    public ImageNormalization Normalization { get; init; } = ImageNormalization.Clip;

    internal static void Validate(ImageTransformOptions options)
    {
        var (minScale, maxScale, minRatio, maxRatio) = (options.MinScale, options.MaxScale, options.MinRatio, options.MaxRatio);
        if (options.Size is < 1 or > 8192)
        {
            throw new ArgumentException($"{nameof(Size)} is {options.Size}; it must be between 1 and 8192 pixels", nameof(options));
        }

        if (!(minScale > 0 && minScale <= maxScale && maxScale <= 1))
        {
            throw new ArgumentException(
                $"{nameof(MinScale)} {minScale} and {nameof(MaxScale)} {maxScale} must be 0 < {nameof(MinScale)} ≤ {nameof(MaxScale)} ≤ 1",
                nameof(options)
            );
        }

        if (!(minRatio > 0 && minRatio <= maxRatio && double.IsFinite(maxRatio)))
        {
            throw new ArgumentException(
                $"{nameof(MinRatio)} {minRatio} and {nameof(MaxRatio)} {maxRatio} must be 0 < {nameof(MinRatio)} ≤ {nameof(MaxRatio)}",
                nameof(options)
            );
        }

        CheckRange(options, nameof(Rotation), options.Rotation, -180, 180);
        CheckRange(options, nameof(Border), options.Border, 0, 0.45);
        CheckRange(options, nameof(Blur), options.Blur, 0.01, 10);
        CheckRange(options, nameof(Compression), options.Compression, 1, 100);
        if (options.Normalization is not { Mean.Count: 3, Std.Count: 3 } normalization || normalization.Std.Any(s => !(s > 0)))
        {
            throw new ArgumentException($"{nameof(Normalization)} needs three means and three deviations above 0", nameof(options));
        }
    }

    private static void CheckRange(ImageTransformOptions options, string name, RandomStrength strength, double lowest, double highest)
    {
        if (strength.Probability != 0 && !(lowest <= strength.Low && strength.Low <= strength.High && strength.High <= highest))
        {
            throw new ArgumentException(
                $"{name} is from {strength.Low} to {strength.High}; it must be a range within {lowest} to {highest}",
                nameof(options)
            );
        }
    }
}

/// <summary>Interpolation of a resize, antialiased as in Pillow.</summary>
public enum ResampleFilter
{
    Bicubic,
    Bilinear,
}

/// <summary>How an image becomes a square.</summary>
public enum ResizeMode
{
    /// <summary>The short side is resized and the centre cropped.</summary>
    Shortest,

    /// <summary>Both sides are resized; the aspect ratio is lost.</summary>
    Squash,
}

/// <summary>JPEG decoding in training; evaluation is always exact. docs/results.md gives the differences.</summary>
public enum JpegDecode
{
    /// <summary>Converts to RGB after resizing, for the remaining pixels only: exact up to rounding and chroma interpolation.</summary>
    Fast,

    /// <summary>Bit-identical to Pillow: chroma interpolated and converted at full size, then resized.</summary>
    Exact,

    /// <summary>
    /// Like Fast, but decodes at 1/2, 1/4 or 1/8 of the size (the smallest not below the crop's target) by dropping high frequencies.
    /// </summary>
    Scaled,
}

/// <summary>Normalisation of levels 0 to 255: (level / 255 − mean) / std, computed as level · factor + offset.</summary>
/// <param name="Mean">Means of red, green and blue, for channels scaled to [0, 1].</param>
/// <param name="Std">Standard deviations of the same.</param>
public sealed record ImageNormalization(IReadOnlyList<float> Mean, IReadOnlyList<float> Std)
{
    /// <summary>Constants of OpenAI's CLIP.</summary>
    public static ImageNormalization Clip { get; } = new([0.48145466f, 0.4578275f, 0.40821073f], [0.26862954f, 0.26130258f, 0.27577711f]);

    /// <summary>Equal values make equal normalisations.</summary>
    public bool Equals(ImageNormalization? other) => other is not null && Mean.SequenceEqual(other.Mean) && Std.SequenceEqual(other.Std);

    public override int GetHashCode() => HashCode.Combine(Mean[0], Std[0]);

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"mean {string.Join(' ', Mean)}, deviation {string.Join(' ', Std)}");

    public float Factor(int channel) => (float)(1 / (255.0 * Std[channel]));

    public float Offset(int channel) => (float)(-(double)Mean[channel] / Std[channel]);
}
