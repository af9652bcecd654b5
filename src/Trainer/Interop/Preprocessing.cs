using ClipTrain.DataPipeline.Images;

namespace ClipTrain.Trainer.Interop;

/// <summary>How a model's images are made: resized, cut to a square, normalised.</summary>
/// <param name="Mean">Of red, green and blue, of channels scaled to [0, 1].</param>
/// <param name="Std">Of the same.</param>
/// <param name="Interpolation">Of resizing, as open_clip names it.</param>
/// <param name="ResizeMode">shortest (the short side is resized, the centre is cut out), longest or squash, as open_clip names
/// them.</param>
public sealed record Preprocessing(IReadOnlyList<float> Mean, IReadOnlyList<float> Std, string Interpolation, string ResizeMode)
{
    /// <summary>CLIP's own, and the only one that training and evaluation here have.</summary>
    public static Preprocessing Clip { get; } = new(ImageNormalization.Clip.Mean, ImageNormalization.Clip.Std, "bicubic", "shortest");

    /// <summary>Whether it is CLIP's.</summary>
    public bool IsClip =>
        Mean.SequenceEqual(Clip.Mean)
        && Std.SequenceEqual(Clip.Std)
        && Interpolation == Clip.Interpolation
        && ResizeMode == Clip.ResizeMode;
}
