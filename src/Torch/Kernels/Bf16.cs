using System.Runtime.Intrinsics;

namespace ClipTrain.Torch.Kernels;

/// <summary>Conversions between fp32 and bfloat16, whose bits are the upper half of fp32's.</summary>
internal static unsafe class Bf16
{
    private const ushort NotANumber = 0x7FC0;
    private const uint AlmostHalf = 0x7FFF;

    /// <summary>Rounds to nearest even, as libtorch does.</summary>
    public static void Round(float* from, ushort* to, int n)
    {
        var i = 0;
        for (; i + Vector512<ushort>.Count <= n; i += Vector512<ushort>.Count)
        {
            Vector512.Narrow(Upper(Vector512.Load(from + i)), Upper(Vector512.Load(from + i + Vector512<float>.Count))).Store(to + i);
        }

        for (; i < n; i++)
        {
            to[i] = Round(from[i]);
        }
    }

    /// <summary>Stores values that bfloat16 represents exactly.</summary>
    public static void Truncate(float* from, ushort* to, int n)
    {
        var i = 0;
        for (; i + Vector512<ushort>.Count <= n; i += Vector512<ushort>.Count)
        {
            Vector512
                .Narrow(Vector512.Load((uint*)(from + i)) >>> 16, Vector512.Load((uint*)(from + i) + Vector512<uint>.Count) >>> 16)
                .Store(to + i);
        }

        for (; i < n; i++)
        {
            to[i] = (ushort)(BitConverter.SingleToUInt32Bits(from[i]) >> 16);
        }
    }

    public static void Widen(ushort* from, float* to, int n)
    {
        var i = 0;
        for (; i + Vector512<ushort>.Count <= n; i += Vector512<ushort>.Count)
        {
            var (low, high) = Vector512.Widen(Vector512.Load(from + i));
            (low << 16).Store((uint*)(to + i));
            (high << 16).Store((uint*)(to + i) + Vector512<uint>.Count);
        }

        for (; i < n; i++)
        {
            to[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << 16);
        }
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
