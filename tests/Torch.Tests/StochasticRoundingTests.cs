using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class StochasticRoundingTests
{
    private const int Draws = 1 << 16;

    // Within a normal range of numbers, near bfloat16's ends, denormal, and just over and under one of its values.
    public static TheoryData<float> Values =>
        [
            0.3f,
            -0.3f,
            1.001f,
            -1.003f,
            3.14159274f,
            1e-3f,
            -7.7e-12f,
            6.02e23f,
            -2.5e30f,
            1e-38f,
            3e-39f,
            -5e-41f,
            1e-45f,
            BitConverter.UInt32BitsToSingle(0x3F800001),
            BitConverter.UInt32BitsToSingle(0x3F80FFFF),
            BitConverter.UInt32BitsToSingle(0x3FFFFFFF),
        ];

    [Theory]
    [MemberData(nameof(Values))]
    public void The_mean_of_many_roundings_is_the_value_and_each_is_a_neighbour(float value)
    {
        using var scope = NewDisposeScope();
        var low = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);
        var step = (double)BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000) + 0x10000) - low;
        var share = (value - (double)low) / step;

        // Draws over elements of one step, and over steps of one element.
        var elements = Rounded(full([Draws], value, float32), 9, 0);
        float[] steps =
        [
            .. Enumerable
                .Range(0, 4096)
                .Select(key => Rounded(full([1], value, float32), unchecked((ulong)key * 0x9E3779B97F4A7C15), 12345)[0]),
        ];
        foreach (var drawn in new[] { elements, steps })
        {
            Assert.All(drawn, rounded => Assert.True(rounded == low || rounded == (float)(low + step), $"{rounded:R}"));
            var ups = drawn.Count(rounded => rounded != low) / (double)drawn.Length;
            var sigma = Math.Sqrt(share * (1 - share) / drawn.Length);
            Assert.InRange(ups, share - (5 * sigma), share + (5 * sigma));
        }
    }

    [Fact]
    public void What_bfloat16_holds_stays_and_nothing_finite_becomes_infinite()
    {
        using var scope = NewDisposeScope();
        float[] exact =
        [
            0f,
            -0f,
            1f,
            -1.5f,
            0.0078125f,
            BitConverter.UInt32BitsToSingle(0x00010000),
            BitConverter.UInt32BitsToSingle(0x7F7F0000),
            float.PositiveInfinity,
            float.NegativeInfinity,
            float.NaN,
        ];
        foreach (var value in exact)
        {
            Assert.All(
                Rounded(full([1000], value, float32), 4, 0),
                rounded => Assert.Equal(BitConverter.SingleToUInt32Bits(value), BitConverter.SingleToUInt32Bits(rounded))
            );
        }

        var largest = BitConverter.UInt32BitsToSingle(0x7F7F0000);
        Assert.All(Rounded(full([Draws], float.MaxValue, float32), 4, 0), rounded => Assert.Equal(largest, rounded));
        Assert.All(Rounded(full([Draws], -float.MaxValue, float32), 4, 0), rounded => Assert.Equal(-largest, rounded));
    }

    [Fact]
    public void An_elements_bits_depend_neither_on_the_cut_nor_on_threads_nor_on_the_operators()
    {
        using var scope = NewDisposeScope();
        const int N = 200_003;
        // The upper half of the elements' numbers changes within the buffer.
        const long First = (1L << 32) - 70_000;
        using var generator = new Generator(5);
        var values = randn([N], generator: generator);
        var whole = Rounded(values.clone(), 77, First);
        using (new ThreadCount(1))
        {
            Assert.Equal(whole, Rounded(values.clone(), 77, First));
        }

        var slices = values.clone();
        foreach ((var start, var length) in new[] { (0L, 61_111L), (61_111L, 10_000L), (71_111L, N - 71_111L) })
        {
            Rounded(slices.narrow(0, start, length), 77, First + start);
        }

        Assert.Equal(whole, slices.AsSpan<float>());

        var separate = values.clone();
        new StochasticRounding(77, First).Round(separate);
        Assert.Equal(whole, separate.AsSpan<float>());
        Assert.NotEqual(whole, Rounded(values.clone(), 78, First));
    }

    [Fact]
    public void Random_bits_of_neighbouring_elements_and_steps_are_independent()
    {
        using var scope = NewDisposeScope();
        // Half of the roundings go up, so that the share of equal decisions is a half as well.
        var half = BitConverter.UInt32BitsToSingle(0x3F808000);
        var one = Ups(1);
        var next = Ups(2);
        var sigma = 0.5 / Math.Sqrt(Draws);
        foreach (var lag in new[] { 1, 2, 16, 4096 })
        {
            AssertHalf(one.Skip(lag).Zip(one, (a, b) => a == b).ToArray());
        }

        AssertHalf(one.Zip(next, (a, b) => a == b).ToArray());

        bool[] Ups(ulong key) => [.. Rounded(full([Draws], half, float32), key, 0).Select(rounded => rounded > 1)];

        void AssertHalf(bool[] equal) =>
            Assert.InRange(equal.Count(same => same) / (double)equal.Length, 0.5 - (5 * sigma), 0.5 + (5 * sigma));
    }

    [Fact]
    public void Updates_that_nearest_rounding_would_lose_are_kept_on_average()
    {
        using var scope = NewDisposeScope();
        const int N = 4096,
            Steps = 200;
        const double Update = 1e-4;
        // A step of bfloat16 at one is 2⁻⁷: an update of 10⁻⁴ is lost by rounding to the nearest, always.
        var weights = ones([N]);
        var m = zeros([N]);
        var v = zeros([N]);
        for (var step = 1; step <= Steps; step++)
        {
            AdamWKernel.Apply(
                new AdamWBuffers(weights, full([N], -1, float32), new MomentBuffer(m, null, false), new MomentBuffer(v, null, true), null),
                new AdamWStep(step, Update, 0, 0, 0, 0, 1),
                new AdamWRounding(new StochasticRounding((ulong)step, 0), default)
            );
        }

        double[] moved = [.. weights.AsSpan<float>().ToArray().Select(weight => weight - 1.0)];
        // Each step adds a jump of 2⁻⁷ with probability Update / 2⁻⁷, so the spread is that of a binomial.
        var sigma = Math.Sqrt(Steps * Update / 128 / N);
        Assert.InRange(moved.Average(), (Steps * Update) - (5 * sigma), (Steps * Update) + (5 * sigma));
    }

    /// <summary>An optimizer step without gradient or decay, which only rounds.</summary>
    private static float[] Rounded(Tensor values, ulong key, long first)
    {
        using var scope = NewDisposeScope();
        var n = values.numel();
        AdamWKernel.Apply(
            new AdamWBuffers(values, zeros([n]), new MomentBuffer(zeros([n]), null, false), new MomentBuffer(zeros([n]), null, true), null),
            new AdamWStep(1, 1e-3, 0.9, 0.98, 1e-6, 0, 1),
            new AdamWRounding(new StochasticRounding(key, first), default)
        );
        return values.AsSpan<float>().ToArray();
    }
}
