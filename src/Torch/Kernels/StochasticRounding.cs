using System.Runtime.Intrinsics;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>
/// Rounds fp32 values to one of their two bfloat16 neighbours with probabilities proportional to proximity, so that updates smaller than
/// half a step of bfloat16 are kept on average. The random bits depend only on the key and the element, not on how the buffer is
/// divided.
/// </summary>
/// <remarks>
/// A finite value never rounds to infinity; values that bfloat16 represents exactly, infinities and NaN do not change. The random bits
/// of element i are the upper half of mix(mix(low(i) ⊕ k₀) + mix(k₁ + high(i)·φ)), where mix is Wellons' 32-bit permutation "lowbias32",
/// low and high are the halves of i, and k₀ and k₁ those of the key.
/// </remarks>
/// <param name="Key">Seed, different for every step.</param>
/// <param name="First">Index of the first element.</param>
public readonly unsafe record struct StochasticRounding(ulong Key, long First)
{
    private const uint Exponent = 0x7F80_0000,
        Kept = 0xFFFF_0000,
        Golden = 0x9E37_79B9,
        Factor1 = 0x21F0_AAAD,
        Factor2 = 0xD35A_2D97;

    /// <summary>Limits the temporary memory of the separate operators.</summary>
    private const long ChunkElements = 1 << 22;

    /// <summary>Rounds n values, the first of which is element <see cref="First"/> + <paramref name="begin"/>.</summary>
    internal void Round(float* values, long begin, long n)
    {
        // Pieces end where the upper half of the element index changes.
        long done = 0;
        while (done < n)
        {
            var element = (ulong)(First + begin + done);
            var count = Math.Min(n - done, (1L << 32) - (uint)element);
            RoundPiece(values + done, count, BitsFrom(begin + done));
            done += count;
        }
    }

    /// <summary>The random bits of elements whose indices have the same upper half.</summary>
    internal RandomBits BitsFrom(long begin)
    {
        var element = (ulong)(First + begin);
        return new RandomBits((uint)Key, Mix((uint)(Key >> 32) + ((uint)(element >> 32) * Golden)), (uint)element);
    }

    /// <summary>The same bits for n elements with separate operators, as int64.</summary>
    internal Tensor Bits(long begin, long n, Device device)
    {
        var low = arange(First + begin, First + begin + n, 1, int64, device);
        using var key = low.bitwise_right_shift(Number(32)).mul_((long)Golden).add_((long)(Key >> 32)).bitwise_and_(Number(uint.MaxValue));
        Mix(key);
        low.bitwise_and_(Number(uint.MaxValue)).bitwise_xor_(Number((uint)Key));
        Mix(low);
        low.add_(key).bitwise_and_(Number(uint.MaxValue));
        Mix(low);
        return low.bitwise_right_shift_(Number(16));
    }

    /// <summary>Rounds a float32 tensor of one dimension with separate operators and the same bits, on any device.</summary>
    internal void Round(Tensor values)
    {
        for (long start = 0; start < values.numel(); start += ChunkElements)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(ChunkElements, values.numel() - start);
            RoundChunk(values.narrow(0, start, count), Bits(start, count, values.device));
        }
    }

    private static void RoundPiece(float* values, long n, RandomBits randomBits)
    {
        long i = 0;
        for (; i + Vector256<uint>.Count <= n; i += Vector256<uint>.Count)
        {
            var bits = Vector256.Load((uint*)(values + i));
            var up = (bits + randomBits.Next((uint)i)) & Vector256.Create(Kept);
            var finite = Vector256.ConditionalSelect(
                Vector256.Equals(up & Vector256.Create(Exponent), Vector256.Create(Exponent)),
                bits & Vector256.Create(Kept),
                up
            );
            Vector256
                .ConditionalSelect(Vector256.Equals(bits & Vector256.Create(Exponent), Vector256.Create(Exponent)), bits, finite)
                .Store((uint*)(values + i));
        }

        for (; i < n; i++)
        {
            values[i] = Round(values[i], randomBits.One((uint)i));
        }
    }

    /// <summary>
    /// Adds 16 random bits, which carry with the probability given by the lower half. A carry into infinity is discarded.
    /// </summary>
    private static float Round(float value, uint random)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if ((bits & Exponent) == Exponent)
        {
            return value;
        }

        var up = (bits + random) & Kept;
        return BitConverter.UInt32BitsToSingle((up & Exponent) == Exponent ? bits & Kept : up);
    }

    private static uint Mix(uint x)
    {
        x ^= x >> 16;
        x *= Factor1;
        x ^= x >> 15;
        x *= Factor2;
        return x ^ (x >> 15);
    }

    private static Vector256<uint> Mix(Vector256<uint> x)
    {
        x ^= x >>> 16;
        x *= Vector256.Create(Factor1);
        x ^= x >>> 15;
        x *= Vector256.Create(Factor2);
        return x ^ (x >>> 15);
    }

    /// <summary>The 32-bit permutation in the lower half of int64, in place: 128 MiB per tensor of 2²⁴ elements add up.</summary>
    private static void Mix(Tensor x)
    {
        Fold(x, 16);
        x.mul_((long)Factor1).bitwise_and_(Number(uint.MaxValue));
        Fold(x, 15);
        x.mul_((long)Factor2).bitwise_and_(Number(uint.MaxValue));
        Fold(x, 15);
    }

    private static void Fold(Tensor x, int shift)
    {
        using var shifted = x.bitwise_right_shift(Number(shift));
        x.bitwise_xor_(shifted);
    }

    private static Tensor Number(long value) => tensor(value, int64);

    private static void RoundChunk(Tensor values, Tensor random)
    {
        var bits = values.ViewAs(int32).to(int64).bitwise_and(Number(uint.MaxValue));
        var up = (bits + random).bitwise_and(Number(Kept));
        var rounded = where(up.bitwise_and(Number(Exponent)).eq((long)Exponent), bits.bitwise_and(Number(Kept)), up);
        rounded = where(bits.bitwise_and(Number(Exponent)).eq((long)Exponent), bits, rounded);
        var signed = rounded.bitwise_xor(Number(1L << 31)) - (1L << 31);
        values.copy_(signed.to(int32).ViewAs(float32));
    }

    /// <summary>
    /// Sixteen random bits per element, for consecutive elements. In 256-bit vectors: 512-bit ones are 15 to 20% faster, but without
    /// AVX-512 seven times slower, because chains of their emulated operations are not compiled into one function.
    /// </summary>
    internal readonly struct RandomBits(uint key0, uint key1, uint low)
    {
        /// <summary>Bits of eight elements, starting at the i-th.</summary>
        public Vector256<uint> Next(uint i) =>
            Mix(Mix((Vector256.Create(low + i) + Vector256<uint>.Indices) ^ Vector256.Create(key0)) + Vector256.Create(key1)) >>> 16;

        /// <summary>Bits of the i-th element.</summary>
        public uint One(uint i) => Mix(Mix((low + i) ^ key0) + key1) >> 16;
    }
}
