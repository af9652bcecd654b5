namespace ClipTrain.DataPipeline.Images;

/// <summary>How images become a model's input. The defaults are CLIP's normalisation and open_clip's training crop.</summary>
/// <param name="Size">Side of the square result in pixels.</param>
public sealed record ImageTransformOptions(int Size)
{
    /// <summary>Smallest share of the image's area that a training crop keeps.</summary>
    public double MinScale { get; init; } = 0.9;

    /// <summary>Largest share of the image's area that a training crop keeps.</summary>
    public double MaxScale { get; init; } = 1;

    /// <summary>Smallest aspect ratio, width over height, of a training crop.</summary>
    public double MinRatio { get; init; } = 3.0 / 4;

    /// <summary>Largest aspect ratio, width over height, of a training crop.</summary>
    public double MaxRatio { get; init; } = 4.0 / 3;

    /// <summary>Means of red, green and blue, of channels scaled to [0, 1].</summary>
    public IReadOnlyList<float> Mean { get; init; } = [0.48145466f, 0.4578275f, 0.40821073f];

    /// <summary>Standard deviations of red, green and blue, of channels scaled to [0, 1].</summary>
    public IReadOnlyList<float> Std { get; init; } = [0.26862954f, 0.26130258f, 0.27577711f];

    internal static void Validate(ImageTransformOptions options)
    {
        var (minScale, maxScale, minRatio, maxRatio) = (options.MinScale, options.MaxScale, options.MinRatio, options.MaxRatio);
        if (options.Size is < 1 or > 8192)
            throw new ArgumentException($"{nameof(Size)} is {options.Size}; it must be 1 to 8192 pixels", nameof(options));
        if (!(minScale > 0 && minScale <= maxScale && maxScale <= 1))
            throw new ArgumentException($"{nameof(MinScale)} {minScale} and {nameof(MaxScale)} {maxScale} must be 0 < {nameof(MinScale)} ≤ {nameof(MaxScale)} ≤ 1", nameof(options));
        if (!(minRatio > 0 && minRatio <= maxRatio && double.IsFinite(maxRatio)))
            throw new ArgumentException($"{nameof(MinRatio)} {minRatio} and {nameof(MaxRatio)} {maxRatio} must be 0 < {nameof(MinRatio)} ≤ {nameof(MaxRatio)}", nameof(options));
        if (options.Mean.Count != 3 || options.Std.Count != 3 || options.Std.Any(s => !(s > 0)))
            throw new ArgumentException($"{nameof(Mean)} and {nameof(Std)} each need three numbers, those of {nameof(Std)} above 0", nameof(options));
    }
}
