using System.Runtime.InteropServices;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.Tests;

public sealed class NumberConversionTests
{
    [Fact]
    public void Every_half_is_widened_to_its_exact_value()
    {
        ushort[] halves = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        var floats = new float[halves.Length];
        NumberConversion.Widen(MemoryMarshal.AsBytes(halves.AsSpan()), NumberType.Float16, floats);
        foreach (var half in halves)
        {
            var expected = (float)BitConverter.UInt16BitsToHalf(half);
            Assert.True(
                float.IsNaN(expected)
                    ? float.IsNaN(floats[half])
                    : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(floats[half]),
                $"0x{half:x4}"
            );
        }
    }

    [Theory]
    [InlineData(NumberType.Float16)]
    [InlineData(NumberType.BFloat16)]
    public void Narrowing_restores_every_widened_number(NumberType type)
    {
        ushort[] narrow = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        var (wide, again) = (new float[narrow.Length], new ushort[narrow.Length]);
        NumberConversion.Widen(MemoryMarshal.AsBytes(narrow.AsSpan()), type, wide);
        NumberConversion.Narrow(wide, type, MemoryMarshal.AsBytes(again.AsSpan()));
        foreach (var bits in narrow.Where(bits => !float.IsNaN(wide[bits])))
        {
            Assert.Equal(bits, again[bits]);
        }
    }

    [Theory]
    [InlineData(1f + (1f / 256), 1f)]
    [InlineData(1f + (3f / 256), 1f + (4f / 256))]
    [InlineData(1f + (1.01f / 256), 1f + (2f / 256))]
    public void BFloat16_rounds_to_nearest_with_ties_to_even(float value, float expected)
    {
        var (narrow, wide) = (new byte[2], new float[1]);
        NumberConversion.Narrow([value], NumberType.BFloat16, narrow);
        NumberConversion.Widen(narrow, NumberType.BFloat16, wide);
        Assert.Equal(expected, wide[0]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_non_finite_number_is_found_at_any_index(float value)
    {
        for (var length = 1; length < 40; length++)
        {
            var values = Enumerable.Repeat(float.MaxValue, length).ToArray();
            Assert.True(NumberConversion.AllFinite(values));
            for (var place = 0; place < length; place++)
            {
                values[place] = value;
                Assert.False(NumberConversion.AllFinite(values));
                values[place] = -0f;
            }
        }
    }
}
