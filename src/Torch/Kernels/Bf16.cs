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
        for (; i + Vector256<ushort>.Count <= n; i += Vector256<ushort>.Count)
        {
            Vector256.Narrow(Upper(Vector256.Load(from + i)), Upper(Vector256.Load(from + i + Vector256<float>.Count))).Store(to + i);
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
        for (; i + Vector256<ushort>.Count <= n; i += Vector256<ushort>.Count)
        {
            Vector256
                .Narrow(Vector256.Load((uint*)(from + i)) >>> 16, Vector256.Load((uint*)(from + i) + Vector256<uint>.Count) >>> 16)
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
        for (; i + Vector256<ushort>.Count <= n; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(from + i));
            (low << 16).Store((uint*)(to + i));
            (high << 16).Store((uint*)(to + i) + Vector256<uint>.Count);
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

    private static Vector256<uint> Upper(Vector256<float> x)
    {
        var bits = x.AsUInt32();
        var rounded = (bits + Vector256.Create(AlmostHalf) + ((bits >>> 16) & Vector256<uint>.One)) >>> 16;
        return Vector256.ConditionalSelect(Vector256.Equals(x, x).AsUInt32(), rounded, Vector256.Create((uint)NotANumber));
    }
}
