using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class AdamWTests
{
    private const double Lr = 1e-3;
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.98;
    private const double Eps = 1e-6;
    private const double WeightDecay = 0.2;

    [Fact]
    public void Several_steps_agree_with_the_formula_in_double_precision()
    {
        using var scope = NewDisposeScope();
        const int N = 1003;
        var state = new State(N, seed: 1);
        double[] p = [.. state.Param.AsSpan<float>().ToArray().Select(x => (double)x)];
        var m = new double[N];
        var v = new double[N];

        for (var step = 1; step <= 20; step++)
        {
            var grad = state.NextGrad();
            var g = grad.AsSpan<float>().ToArray();
            state.Step(grad, step, gradScale: 0.5);
            for (var i = 0; i < N; i++)
            {
                var scaled = g[i] * 0.5;
                p[i] *= 1 - (Lr * WeightDecay);
                m[i] = (Beta1 * m[i]) + ((1 - Beta1) * scaled);
                v[i] = (Beta2 * v[i]) + ((1 - Beta2) * scaled * scaled);
                var mHat = m[i] / (1 - Math.Pow(Beta1, step));
                var vHat = v[i] / (1 - Math.Pow(Beta2, step));
                p[i] -= Lr * mHat / (Math.Sqrt(vHat) + Eps);
            }
        }

        var actual = state.Param.AsSpan<float>();
        for (var i = 0; i < N; i++)
        {
            Assert.Equal(p[i], actual[i], 2e-6);
        }
    }

    [Fact]
    public void The_fused_pass_agrees_with_the_separate_operators()
    {
        using var scope = NewDisposeScope();
        var fused = new State(5000, seed: 2);
        var separate = new State(5000, seed: 2);

        for (var step = 1; step <= 10; step++)
        {
            fused.Step(fused.NextGrad(), step);
            AdamWKernel.ApplyOperators(separate.Buffers(separate.NextGrad()), Numbers(step));
        }

        Assert.True(fused.Param.allclose(separate.Param, rtol: 1e-6, atol: 1e-7));
        Assert.True(fused.ExpAvg.allclose(separate.ExpAvg, rtol: 1e-6, atol: 1e-7));
        Assert.True(fused.ExpAvgSq.allclose(separate.ExpAvgSq, rtol: 1e-6, atol: 1e-7));
    }

    [Fact]
    public void The_result_does_not_depend_on_the_number_of_threads_or_on_how_the_buffer_is_cut()
    {
        using var scope = NewDisposeScope();
        const int N = 200_003;
        var one = new State(N, seed: 3);
        var two = new State(N, seed: 3);
        var slices = new State(N, seed: 3);
        for (var step = 1; step <= 3; step++)
        {
            using (new ThreadCount(1))
            {
                one.Step(one.NextGrad(), step);
            }

            using (new ThreadCount(2))
            {
                two.Step(two.NextGrad(), step);
            }

            var grad = slices.NextGrad();
            foreach ((var start, var length) in new[] { (0L, 77_777L), (77_777L, N - 77_777L) })
            {
                Tensor Slice(Tensor t) => t.narrow(0, start, length);
                AdamWKernel.Apply(
                    new AdamWBuffers(
                        Slice(slices.Param),
                        Slice(grad),
                        First(Slice(slices.ExpAvg)),
                        Second(Slice(slices.ExpAvgSq)),
                        Slice(slices.Bf16)
                    ),
                    Numbers(step)
                );
            }
        }

        foreach (var other in new[] { two, slices })
        {
            Assert.True(one.Param.IsSame(other.Param));
            Assert.True(one.ExpAvg.IsSame(other.ExpAvg));
            Assert.True(one.ExpAvgSq.IsSame(other.ExpAvgSq));
            Assert.True(one.Bf16.IsSame(other.Bf16));
        }
    }

    [Fact]
    public void The_bfloat16_copy_is_libtorchs_own_rounding_also_of_ties_and_infinities()
    {
        using var scope = NewDisposeScope();
        float[] values =
        [
            1f,
            BitConverter.UInt32BitsToSingle(0x3F808000),
            BitConverter.UInt32BitsToSingle(0x3F818000),
            BitConverter.UInt32BitsToSingle(0x3F808001),
            float.MaxValue,
            float.NegativeInfinity,
            -0f,
            1e-40f,
            .. Enumerable.Range(0, 5000).Select(i => MathF.Sin(i) * i),
        ];
        var param = tensor(values);
        var n = param.numel();
        var rounded = zeros([n], bfloat16);

        // No gradient and no decay leave the weights as they are.
        AdamWKernel.Apply(
            new AdamWBuffers(param, zeros([n]), First(zeros([n])), Second(zeros([n])), rounded),
            Numbers(1) with
            {
                WeightDecay = 0,
            }
        );

        Assert.Equal(param.to(bfloat16).AsSpan<ushort>().ToArray(), rounded.AsSpan<ushort>().ToArray());
    }

    [Fact]
    public void A_float16_copy_is_libtorchs_own_rounding()
    {
        using var scope = NewDisposeScope();
        var param = tensor([1f, -0f, 65504f, 1e6f, 6e-8f, 1e-9f, .. Enumerable.Range(0, 5000).Select(i => MathF.Sin(i) * i)]);
        var n = param.numel();
        var rounded = zeros([n], float16);

        AdamWKernel.Apply(
            new AdamWBuffers(param, zeros([n]), First(zeros([n])), Second(zeros([n])), rounded),
            Numbers(1) with
            {
                WeightDecay = 0,
            }
        );

        Assert.Equal(param.to(float16).AsSpan<ushort>().ToArray(), rounded.AsSpan<ushort>().ToArray());
    }

    [Fact]
    public void A_weight_that_is_not_a_number_stays_that_in_bfloat16()
    {
        using var scope = NewDisposeScope();
        // The second one's low bits alone would round it up to infinity.
        var param = tensor([float.NaN, BitConverter.UInt32BitsToSingle(0x7F800001), BitConverter.UInt32BitsToSingle(0x7FFFFFFF)]);
        var rounded = zeros([3], bfloat16);

        AdamWKernel.Apply(
            new AdamWBuffers(param, zeros([3]), First(zeros([3])), Second(zeros([3])), rounded),
            Numbers(1) with
            {
                WeightDecay = 0,
            }
        );

        Assert.True(rounded.isnan().all().item<bool>());
    }

    [Fact]
    public void Tensors_that_do_not_match_are_named()
    {
        using var scope = NewDisposeScope();
        var p = zeros([4]);

        var e = Assert.Throws<ArgumentException>(() =>
            AdamWKernel.Apply(new AdamWBuffers(p, zeros([4]), First(zeros([5])), Second(zeros([4])), null), Numbers(1))
        );

        Assert.Contains("'FirstMoment'", e.Message, StringComparison.Ordinal);
    }

    private static MomentBuffer First(Tensor values) => new(values, null, IsSquares: false);

    private static MomentBuffer Second(Tensor values) => new(values, null, IsSquares: true);

    private static AdamWStep Numbers(long step) => new(step, Lr, Beta1, Beta2, Eps, WeightDecay, 1);

    private sealed class State(long n, long seed)
    {
        private readonly Generator _generator = new((ulong)seed);

        public Tensor Param { get; } = randn([n], generator: new Generator((ulong)seed + 100));

        public Tensor ExpAvg { get; } = zeros([n]);

        public Tensor ExpAvgSq { get; } = zeros([n]);

        public Tensor Bf16 { get; } = zeros([n], bfloat16);

        public Tensor NextGrad() => randn([ExpAvg.numel()], generator: _generator);

        public void Step(Tensor grad, long step, double gradScale = 1) =>
            AdamWKernel.Apply(Buffers(grad), Numbers(step) with { GradientScale = gradScale });

        public AdamWBuffers Buffers(Tensor grad) => new(Param, grad, First(ExpAvg), Second(ExpAvgSq), Bf16);
    }
}
