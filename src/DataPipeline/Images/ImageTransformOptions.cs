using ClipTrain.DataPipeline.Loading;

namespace ClipTrain.DataPipeline.Images;

/// <summary>
/// How images become a model's input. The defaults are CLIP's normalisation and open_clip's training crop, and no other augmentation.
/// </summary>
/// <param name="Size">Side of the square result in pixels.</param>
public sealed record ImageTransformOptions(int Size)
{
    /// <summary>Type of the result.</summary>
    public ImageType Type { get; init; } = ImageType.Fp32;

    /// <summary>Smallest share of the image's area that a training crop keeps.</summary>
    public double MinScale { get; init; } = 0.9;

    /// <summary>Largest share of the image's area that a training crop keeps.</summary>
    public double MaxScale { get; init; } = 1;

    /// <summary>Smallest aspect ratio, width over height, of a training crop.</summary>
    public double MinRatio { get; init; } = 3.0 / 4;

    /// <summary>Largest aspect ratio, width over height, of a training crop.</summary>
    public double MaxRatio { get; init; } = 4.0 / 3;

    /// <summary>Share of the training samples that are mirrored.</summary>
    public double FlipProbability { get; init; }

    /// <summary>Changes of the training samples' colours.</summary>
    public ColourJitter Jitter { get; init; } = ColourJitter.None;

    /// <summary>Share of the training samples that lose their colours.</summary>
    public double GreyscaleProbability { get; init; }

    /// <summary>How training decodes JPEGs.</summary>
    public JpegDecode Jpeg { get; init; } = JpegDecode.Fast;

    /// <summary>Whether pictures are turned as EXIF says.</summary>
    public bool Orient { get; init; }

    /// <summary>What an image may cost.</summary>
    public ImageLimits Limits { get; init; } = new();

    public ImageNormalization Normalization { get; init; } = ImageNormalization.Clip;

    internal static void Validate(ImageTransformOptions options)
    {
        var (minScale, maxScale, minRatio, maxRatio) = (options.MinScale, options.MaxScale, options.MinRatio, options.MaxRatio);
        if (options.Size is < 1 or > 8192)
            throw new ArgumentException($"{nameof(Size)} is {options.Size}; it must be 1 to 8192 pixels", nameof(options));
        if (!(minScale > 0 && minScale <= maxScale && maxScale <= 1))
            throw new ArgumentException(
                $"{nameof(MinScale)} {minScale} and {nameof(MaxScale)} {maxScale} must be 0 < {nameof(MinScale)} ≤ {nameof(MaxScale)} ≤ 1",
                nameof(options)
            );
        if (!(minRatio > 0 && minRatio <= maxRatio && double.IsFinite(maxRatio)))
            throw new ArgumentException(
                $"{nameof(MinRatio)} {minRatio} and {nameof(MaxRatio)} {maxRatio} must be 0 < {nameof(MinRatio)} ≤ {nameof(MaxRatio)}",
                nameof(options)
            );
        if (options.Normalization is not { Mean.Count: 3, Std.Count: 3 } normalization || normalization.Std.Any(s => !(s > 0)))
            throw new ArgumentException($"{nameof(Normalization)} needs three means and three deviations above 0", nameof(options));
    }
}
