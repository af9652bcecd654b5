using System.Runtime.Intrinsics;

namespace ClipTrain.Torch.Kernels;

/// <summary>Rounding of fp32 to the nearest bfloat16, ties to even, as libtorch rounds.</summary>
internal static unsafe class Bf16
{
    private const ushort NotANumber = 0x7FC0;
    private const uint AlmostHalf = 0x7FFF;

    public static void Round(float* from, ushort* to, int n)
    {
        var i = 0;
        for (; i + Vector512<ushort>.Count <= n; i += Vector512<ushort>.Count)
            Vector512.Narrow(Upper(Vector512.Load(from + i)), Upper(Vector512.Load(from + i + Vector512<float>.Count))).Store(to + i);
        for (; i < n; i++)
            to[i] = Round(from[i]);
    }

    private static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? NotANumber : (ushort)((bits + AlmostHalf + ((bits >> 16) & 1)) >> 16);
    }

    private static Vector512<uint> Upper(Vector512<float> x)
    {
        var bits = x.AsUInt32();
        var rounded = (bits + Vector512.Create(AlmostHalf) + ((bits >>> 16) & Vector512<uint>.One)) >>> 16;
        return Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), rounded, Vector512.Create((uint)NotANumber));
    }
}
