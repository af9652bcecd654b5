namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class optim
    {
        /// <summary>
        /// Rounds fp32 values to one of their two neighbours in bfloat16, to the upper one with the probability by which they lie
        /// nearer to it, so that updates smaller than half a step of bfloat16 are kept on average. The random bits are a function
        /// of key and element alone, whoever computes it and however the buffer is cut.
        /// </summary>
        /// <remarks>
        /// A finite value rounds to no infinity; what bfloat16 holds exactly, infinities and NaN stay. Bits of element i are the
        /// upper half of mix(mix(low(i) ⊕ k₀) + mix(k₁ + high(i)·φ)), mix being Wellons' 32-bit permutation "lowbias32", low and high
        /// the halves of i, k₀ and k₁ those of the key.
        /// </remarks>
        /// <param name="Key">Names the event: another one for every step.</param>
        /// <param name="First">Number of the first element.</param>
        public readonly record struct StochasticRounding(ulong Key, long First)
        {
            private const long Low32 = 0xFFFF_FFFF, Exponent = 0x7F80_0000, Kept = 0xFFFF_0000, Sign = 0x8000_0000, Golden = 0x9E37_79B9;

            /// <summary>Bounds what the separate operators need beside the buffer.</summary>
            private const long ChunkElements = 1 << 22;

            /// <summary>Rounds a float32 tensor of one dimension by separate operators, to the bits of the fused pass.</summary>
            internal void Round(Tensor values)
            {
                for (long start = 0; start < values.numel(); start += ChunkElements)
                {
                    using DisposeScope scope = NewDisposeScope();
                    long count = Math.Min(ChunkElements, values.numel() - start);
                    RoundChunk(values.narrow(0, start, count), First + start);
                }
            }

            private static Tensor And(Tensor x, long mask) => Aten.bitwise_and_Scalar.Call(x, mask);

            private static Tensor Xor(Tensor x, Tensor y) => Aten.bitwise_xor.Call(x, y);

            private static Tensor Shift(Tensor x, long bits) => Aten.bitwise_right_shift_Scalar.Call(x, bits);

            /// <summary>The 32-bit permutation, in the lower half of int64.</summary>
            private static Tensor Mix(Tensor x)
            {
                x = Xor(x, Shift(x, 16));
                x = And(x * 0x21F0AAADL, Low32);
                x = Xor(x, Shift(x, 15));
                x = And(x * 0xD35A2D97L, Low32);
                return Xor(x, Shift(x, 15));
            }

            private void RoundChunk(Tensor values, long first)
            {
                Tensor index = arange(first, first + values.numel(), 1, int64, values.device);
                Tensor key = Mix(And((Shift(index, 32) * Golden) + (long)(Key >> 32), Low32));
                Tensor low = Aten.bitwise_xor_Scalar.Call(And(index, Low32), (long)(Key & Low32));
                Tensor random = Shift(Mix(And(Mix(low) + key, Low32)), 16);

                Tensor bits = And(Aten.view_dtype.Call(values, int32).to(int64), Low32);
                Tensor up = And(bits + random, Kept);
                Tensor rounded = where(And(up, Exponent).eq(Exponent), And(bits, Kept), up);
                rounded = where(And(bits, Exponent).eq(Exponent), bits, rounded);
                Tensor signed = Aten.bitwise_xor_Scalar.Call(rounded, Sign) - Sign;
                values.copy_(Aten.view_dtype.Call(signed.to(int32), float32));
            }
        }
    }
}
