using System.Runtime.InteropServices;

namespace ClipTrain.Torch;

/// <summary>The elements [<paramref name="Offset"/>, <paramref name="Offset"/> + <paramref name="Length"/>) of a flat gradient buffer.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct GradientBucket(long Offset, long Length);
