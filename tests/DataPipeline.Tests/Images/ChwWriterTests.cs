using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Tests.Images;

public sealed class ChwWriterTests
{
    /// <summary>All levels, in a count that is not a multiple of the vector size.</summary>
    private const int Count = 293;

    [Fact]
    public void Bytes_are_the_levels_of_each_channel()
    {
        var chw = Write(ImageType.UInt8);
        for (var c = 0; c < 3; c++)
        {
            Assert.Equal(Enumerable.Range(0, Count).Select(i => Level(i, c)), chw.Skip(c * Count).Take(Count));
        }
    }

    [Fact]
    public void Normalised_values_are_level_over_255_minus_mean_over_deviation()
    {
        var values = MemoryMarshal.Cast<byte, float>(Write(ImageType.Fp32));
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / Count;
            var exact = ((Level(i % Count, c) / 255.0) - ImageNormalization.Clip.Mean[c]) / ImageNormalization.Clip.Std[c];
            Assert.Equal(exact, values[i], 1e-6);
        }
    }

    [Fact]
    public void Bf16_is_the_nearest_to_fp32()
    {
        var exact = MemoryMarshal.Cast<byte, float>(Write(ImageType.Fp32));
        var rounded = MemoryMarshal.Cast<byte, ushort>(Write(ImageType.Bf16));
        for (var i = 0; i < exact.Length; i++)
        {
            float Value(int bits) => BitConverter.Int32BitsToSingle(bits << 16);
            var error = Math.Abs(Value(rounded[i]) - exact[i]);
            Assert.True(
                error <= Math.Abs(Value(rounded[i] + 1) - exact[i]) && error <= Math.Abs(Value(rounded[i] - 1) - exact[i]),
                $"{exact[i]}"
            );
        }
    }

    private static byte Level(int pixel, int channel) => (byte)((pixel * 7) + (channel * 31));

    private static unsafe byte[] Write(ImageType type)
    {
        var rgbx = Enumerable.Range(0, Count * 4).Select(i => i % 4 == 3 ? (byte)0xA5 : Level(i / 4, i % 4)).ToArray();
        var chw = new byte[3 * Count * type.Bytes()];
        fixed (byte* p = rgbx)
        {
            new ChwWriter(type, ImageNormalization.Clip).Write(p, Count, chw);
        }

        return chw;
    }
}
