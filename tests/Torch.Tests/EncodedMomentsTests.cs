using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>Moments in bf16 and in bytes.</summary>
public sealed unsafe class EncodedMomentsTests
{
    private const int N = 40 * MomentBuffer.Alignment;

    public static TheoryData<ScalarType> Types => [bfloat16, uint8];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Codes_and_numbers_are_bitwise_those_of_the_separate_operators(bool squares)
    {
        using var scope = NewDisposeScope();
        // Of all magnitudes; a block of zeros, and one of numbers too small for a scale.
        var values = Randn(1) * (randn([N], generator: new Generator(2)) * 8).exp();
        values = squares ? values.square() : values;
        values.narrow(0, 512, 256).zero_();
        values.narrow(0, 768, 256).fill_(1e-40f);
        var code = new BlockCode(!squares);
        var rounding = new StochasticRounding(33, (1L << 32) - 1024);
        var separate = MomentBuffer.Zeros(N, uint8, CPU, squares);
        var (codes, scales) = (new byte[N], new float[N / MomentBuffer.Alignment]);
        separate.Store(values, rounding);
        var decoded = empty([N]);
        fixed (byte* c = codes)
        fixed (float* s = scales)
        {
            code.Encode((float*)values.DataPointer(), c, s, N, rounding, 0);
            code.Decode(c, s, (float*)decoded.DataPointer(), N);
        }

        Assert.Equal(scales, separate.Scales!.AsSpan<float>().ToArray());
        Assert.Equal(codes, separate.Values.AsSpan<byte>().ToArray());

        Assert.True(decoded.IsSame(separate.ToFloat()));
        Assert.All(decoded.narrow(0, 512, 512).AsSpan<float>().ToArray(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(false, 1f, 1)]
    [InlineData(false, -0.37f, 1)]
    [InlineData(false, 0.0123f, 2e-4)]
    [InlineData(true, 0.9f, 1)]
    [InlineData(true, 3e-3f, 1)]
    public void The_mean_of_many_codes_is_the_number_and_each_is_near_it(bool squares, float number, double nearness)
    {
        using var scope = NewDisposeScope();
        var values = full([N], number, float32);
        // The largest of each block.
        values.view([-1, MomentBuffer.Alignment]).narrow(1, 0, 1).fill_(1);
        var buffer = MomentBuffer.Zeros(N, uint8, CPU, squares);
        buffer.Store(values, new StochasticRounding(5, 0));
        double[] drawn =
        [
            .. buffer
                .ToFloat()
                .view([-1, MomentBuffer.Alignment])
                .narrow(1, 1, MomentBuffer.Alignment - 1)
                .contiguous()
                .AsSpan<float>()
                .ToArray()
                .Select(x => (double)x),
        ];
        var step = Math.Abs(number) / 16;
        Assert.All(drawn, x => Assert.InRange(Math.Abs(x - number), 0, 1.0001 * Math.Max(step, nearness == 1 ? step : Math.Pow(2, -11))));
        Assert.InRange(drawn.Average(), number - (5 * step / Math.Sqrt(drawn.Length)), number + (5 * step / Math.Sqrt(drawn.Length)));
    }

    [Fact]
    public void A_square_that_is_not_zero_never_becomes_zero()
    {
        using var scope = NewDisposeScope();
        var values = full([N], 1e-12f, float32);
        values.view([-1, MomentBuffer.Alignment]).narrow(1, 0, 1).fill_(1);
        var buffer = MomentBuffer.Zeros(N, uint8, CPU, isSquares: true);
        buffer.Store(values, new StochasticRounding(5, 0));
        Assert.All(buffer.ToFloat().AsSpan<float>().ToArray(), x => Assert.True(x > 0));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_decay_by_less_than_a_step_is_kept_on_average(ScalarType type)
    {
        using var scope = NewDisposeScope();
        const int Steps = 500;
        var buffers = Buffers(type, ones([N])) with { Gradients = zeros([N]) };
        buffers.SecondMoment.Store(ones([N]), default);
        // A thousandth is lost by rounding to the nearest, in either type.
        for (var step = 1; step <= Steps; step++)
        {
            AdamWKernel.Apply(buffers, new AdamWStep(step, 0, 0.9, 0.999, 1e-6, 0, 1), Rounding(step));
        }

        Assert.Equal(Math.Pow(0.999, Steps), buffers.SecondMoment.ToFloat().mean().item<float>(), 0.02);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Bits_depend_neither_on_threads_nor_on_how_the_buffers_are_cut(ScalarType type)
    {
        using var scope = NewDisposeScope();
        const long Cut = 11 * MomentBuffer.Alignment;
        var (one, two, slices) = (Buffers(type, Randn(3)), Buffers(type, Randn(3)), Buffers(type, Randn(3)));
        for (var step = 1; step <= 3; step++)
        {
            using (new ThreadCount(1))
            {
                AdamWKernel.Apply(one, Numbers(step), Rounding(step));
            }

            using (new ThreadCount(2))
            {
                AdamWKernel.Apply(two, Numbers(step), Rounding(step));
            }

            AdamWKernel.Apply(slices.Slice(0, Cut), Numbers(step), Rounding(step));
            AdamWKernel.Apply(slices.Slice(Cut, N - Cut), Numbers(step), Rounding(step).From(Cut));
        }

        foreach (var other in new[] { two, slices })
        {
            Assert.Equal(one.Parameters.AsSpan<ushort>(), other.Parameters.AsSpan<ushort>());
            foreach (var (expected, actual) in All(one).Zip(All(other)))
            {
                Assert.True(expected.IsSame(actual));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Weights_in_bf16_follow_those_in_fp32_and_the_fused_pass_the_separate_operators(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (fused, separate) = (Buffers(type, Randn(3)), Buffers(type, Randn(3)));
        var exact = fused.Parameters.to(float32);
        var plain = new AdamWBuffers(
            exact,
            fused.Gradients,
            MomentBuffer.Zeros(N, float32, CPU, false),
            MomentBuffer.Zeros(N, float32, CPU, true),
            null
        );
        for (var step = 1; step <= 20; step++)
        {
            AdamWKernel.Apply(fused, Numbers(step), Rounding(step));
            AdamWKernel.ApplyOperators(separate, Numbers(step), Rounding(step));
            AdamWKernel.Apply(plain, Numbers(step));
        }

        var moved = exact.sub(Randn(3).to(bfloat16)).norm().item<float>();
        Assert.InRange(fused.Parameters.to(float32).sub(exact).norm().item<float>(), 0, 0.4 * moved);
        Assert.InRange(fused.Parameters.to(float32).sub(separate.Parameters.to(float32)).norm().item<float>(), 0, 0.2 * moved);
    }

    [Fact]
    public void Weights_in_bf16_without_a_way_to_round_and_bytes_that_fill_no_block_are_refused()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ArgumentException>(() => AdamWKernel.Apply(Buffers(uint8, Randn(3)), Numbers(1)));
        Assert.Contains("'Parameters'", error.Message, StringComparison.Ordinal);
        var uneven = new AdamWBuffers(
            zeros([100]),
            zeros([100]),
            new MomentBuffer(zeros([100], uint8), zeros([1]), false),
            MomentBuffer.Zeros(100, float32, CPU, true),
            null
        );
        error = Assert.Throws<ArgumentException>(() => AdamWKernel.Apply(uneven, Numbers(1)));
        Assert.Contains("'FirstMoment' has 100 elements", error.Message, StringComparison.Ordinal);
    }

    private static Tensor Randn(ulong seed) => randn([N], generator: new Generator(seed));

    private static AdamWBuffers Buffers(ScalarType type, Tensor weights) =>
        new(
            weights.to(bfloat16),
            Randn(9),
            MomentBuffer.Zeros(N, type, CPU, isSquares: false),
            MomentBuffer.Zeros(N, type, CPU, isSquares: true),
            null
        );

    private static IEnumerable<Tensor> All(AdamWBuffers buffers) => [.. buffers.FirstMoment.Tensors, .. buffers.SecondMoment.Tensors];

    private static AdamWStep Numbers(long step) => new(step, 1e-2, 0.9, 0.98, 1e-6, 0.2, 1);

    private static AdamWRounding Rounding(long step) =>
        new(new StochasticRounding((ulong)step, 0), new StochasticRounding((ulong)step + 1000, 0));
}
