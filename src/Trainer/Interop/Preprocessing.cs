using ClipTrain.DataPipeline.Images;

namespace ClipTrain.Trainer.Interop;

/// <summary>Image preprocessing in open_clip's terms: resize, crop to a square, normalise.</summary>
/// <param name="Normalization">Means and deviations of the channels.</param>
/// <param name="Interpolation">Interpolation of the resize, as open_clip names it.</param>
/// <param name="ResizeMode">shortest (resize the short side, crop the centre), longest or squash, as open_clip names them.</param>
public sealed record Preprocessing(ImageNormalization Normalization, string Interpolation, string ResizeMode)
{
    /// <summary>CLIP's preprocessing, the only one of training.</summary>
    public static Preprocessing Clip { get; } = new(ImageNormalization.Clip, "bicubic", "shortest");

    /// <summary>True if it is CLIP's preprocessing.</summary>
    public bool IsClip => this == Clip;

    /// <summary>The filter of the interpolation; null if ClipTrain does not have it.</summary>
    public ResampleFilter? Filter =>
        Interpolation switch
        {
            "bicubic" => ResampleFilter.Bicubic,
            "bilinear" => ResampleFilter.Bilinear,
            _ => null,
        };

    /// <summary>The resize mode; null if ClipTrain does not have it.</summary>
    public ResizeMode? Resize =>
        ResizeMode switch
        {
            "shortest" => DataPipeline.Images.ResizeMode.Shortest,
            "squash" => DataPipeline.Images.ResizeMode.Squash,
            _ => null,
        };

    /// <summary>What ClipTrain does not have of it; null if it has everything.</summary>
    public string? Refusal =>
        Filter is null ? $"its images are resized with the interpolation '{Interpolation}'; ClipTrain has bicubic and bilinear."
        : Resize is null ? $"its images are resized by the mode '{ResizeMode}'; ClipTrain has shortest and squash."
        : null;

    public override string ToString() => $"{Interpolation} interpolation, resize mode {ResizeMode}, {Normalization}";
}
