namespace ClipTrain.Torch.Collectives;

/// <summary>
/// The elements [<paramref name="Offset"/>, <paramref name="Offset"/> + <paramref name="Length"/>) of a flat gradient buffer.
/// </summary>
public readonly record struct GradientBucket(long Offset, long Length)
{
    public long End => Offset + Length;
}
