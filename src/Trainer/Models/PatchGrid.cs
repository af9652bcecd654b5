using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Models;

/// <summary>The patches of an image: a square of so many a side.</summary>
public readonly record struct PatchGrid(int Side)
{
    public int Count => Side * Side;

    /// <summary>The grid of a Vision Transformer; without a stride of their own patches tile the image.</summary>
    public static PatchGrid Of(ImageTowerOptions options) => new(((options.Size - options.Patch!.Value) / StrideOf(options)) + 1);

    /// <summary>Pixels from a patch to the next.</summary>
    public static int StrideOf(ImageTowerOptions options) => options.Stride ?? options.Patch!.Value;
}
