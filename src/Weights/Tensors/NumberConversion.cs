using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ClipTrain.Weights.Tensors;

/// <summary>
/// Converts other element types to fp32 and back. Widening is exact except from fp64; narrowing rounds to nearest, ties to even.
/// </summary>
internal static class NumberConversion
{
    /// <summary>Widens bytes to as many numbers as the destination holds.</summary>
    public static void Widen(ReadOnlySpan<byte> source, NumberType type, Span<float> destination)
    {
        switch (type)
        {
            case NumberType.Float32:
                MemoryMarshal.Cast<byte, float>(source).CopyTo(destination);
                break;
            case NumberType.Float16:
                WidenHalf(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case NumberType.BFloat16:
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case NumberType.Float64:
                var doubles = MemoryMarshal.Cast<byte, double>(source);
                for (var i = 0; i < doubles.Length; i++)
                {
                    destination[i] = (float)doubles[i];
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "cannot hold weights");
        }
    }

    /// <summary>Narrows numbers to bytes.</summary>
    public static void Narrow(ReadOnlySpan<float> source, NumberType type, Span<byte> destination)
    {
        switch (type)
        {
            case NumberType.Float32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case NumberType.Float16:
                var halves = MemoryMarshal.Cast<byte, Half>(destination);
                for (var i = 0; i < source.Length; i++)
                {
                    halves[i] = (Half)source[i];
                }

                break;
            case NumberType.BFloat16:
                var brains = MemoryMarshal.Cast<byte, ushort>(destination);
                for (var i = 0; i < source.Length; i++)
                {
                    brains[i] = ToBFloat16(source[i]);
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "cannot hold weights");
        }
    }

    /// <summary>True if no value is NaN or infinite.</summary>
    public static bool AllFinite(ReadOnlySpan<float> values)
    {
        var bits = MemoryMarshal.Cast<float, uint>(values);
        var exponent = new Vector<uint>(0x7f80_0000);
        var found = Vector<uint>.Zero;
        var i = 0;
        for (; i <= bits.Length - Vector<uint>.Count; i += Vector<uint>.Count)
        {
            found |= Vector.Equals(new Vector<uint>(bits[i..]) & exponent, exponent);
        }

        if (found != Vector<uint>.Zero)
        {
            return false;
        }

        foreach (var value in values[i..])
        {
            if (!float.IsFinite(value))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Shifted into place, the bits of a half are a float of 2^-112 times its value, also for subnormals; infinities and NaNs keep
    /// an exponent of all ones.
    /// </summary>
    private static void WidenHalf(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        var i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(source[i..]), out var low, out var high);
            WidenHalf(low).CopyTo(destination[i..]);
            WidenHalf(high).CopyTo(destination[(i + Vector<uint>.Count)..]);
        }

        for (; i < source.Length; i++)
        {
            destination[i] = (float)BitConverter.UInt16BitsToHalf(source[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> WidenHalf(Vector<uint> half)
    {
        var exponent = new Vector<uint>(0x7c00);
        var special = Vector.Equals(half & exponent, exponent) & new Vector<uint>(0x7f80_0000);
        var scaled =
            Vector.AsVectorSingle(Vector.ShiftLeft(half & new Vector<uint>(0x7fff), 13)) * BitConverter.UInt32BitsToSingle(0x7780_0000);
        var sign = Vector.ShiftLeft(half & new Vector<uint>(0x8000), 16);
        return Vector.AsVectorSingle(Vector.AsVectorUInt32(scaled) | special | sign);
    }

    private static void WidenBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        var bits = MemoryMarshal.Cast<float, uint>(destination);
        for (var i = 0; i < source.Length; i++)
        {
            bits[i] = (uint)source[i] << 16;
        }
    }

    private static ushort ToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)0x7fc0 : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}
