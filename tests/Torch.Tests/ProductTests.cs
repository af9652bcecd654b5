using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>Products of matrices and convolutions: shapes, gradients, and rounding in every type on whatever processor runs the tests.</summary>
public sealed class ProductTests
{
    [Fact]
    public void A_product_of_shapes_that_do_not_fit_is_an_exception_that_names_them()
    {
        using var scope = NewDisposeScope();

        var e = Assert.Throws<ExternalException>(() => ones([2, 3]).MatMul(ones([4, 5])));

        Assert.Contains("2x3 and 4x5", e.Message, StringComparison.Ordinal);
        Assert.Throws<ExternalException>(() => ones([2, 2, 3]).MatMul(ones([2, 4, 5])));
        e = Assert.Throws<ExternalException>(() => ones([2, 6, 3, 1]).MatMul(ones([6, 2, 1, 3])));
        Assert.Contains("[2, 6, 3, 1]", e.Message, StringComparison.Ordinal);
        Assert.Contains("[6, 2, 1, 3]", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_product_of_batches_is_that_of_their_matrices()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var left = randn([2, 5, 3, 4], generator: generator).transpose(1, 2);
        var right = randn([2, 3, 6, 4], generator: generator).transpose(-2, -1);
        var matrix = randn([4, 6], generator: generator);

        var (batches, rows) = (left.MatMul(right), left.MatMul(matrix));

        Assert.Equal([2L, 3, 5, 6], batches.shape);
        Assert.Equal([2L, 3, 5, 6], rows.shape);
        for (var i = 0; i < 6; i++)
        {
            var one = left[i / 3, i % 3];
            Assert.True((one.mm(right[i / 3, i % 3]) - batches[i / 3, i % 3]).abs().max().item<float>() < 1e-5);
            Assert.True((one.mm(matrix) - rows[i / 3, i % 3]).abs().max().item<float>() < 1e-5);
        }
    }

    [Fact]
    public void A_product_is_recorded_and_has_gradients()
    {
        using var scope = NewDisposeScope();
        var a = tensor([1f, 2f, 3f, 4f]).view(2, 2).requires_grad_();
        var b = tensor([5f, 6f, 7f, 8f]).view(2, 2);

        var c = a.MatMul(b);
        Gradients.Run(c.sum(), ones([]));

        Assert.Equal([19f, 22f, 43f, 50f], c.detach().AsSpan<float>().ToArray());
        Assert.Equal([11f, 15f, 11f, 15f], a.grad!.AsSpan<float>().ToArray());
    }

    public static TheoryData<string, ScalarType> HalfProducts()
    {
        var cases = new TheoryData<string, ScalarType>();
        foreach (var type in (ScalarType[])[bfloat16, float16])
        {
            foreach (var product in s_products.Keys)
            {
                cases.Add(product, type);
            }
        }

        return cases;
    }

    private static readonly Dictionary<string, Func<Tensor, Tensor, Tensor>> s_products = new(StringComparer.Ordinal)
    {
        ["matrices"] = (left, right) => left.MatMul(right),
        ["a batch and a matrix"] = (left, right) => left.view(5, 8, 640).MatMul(right).view(40, 24),
        ["batches"] = (left, right) => left.view(1, 40, 640).MatMul(right.unsqueeze(0)).view(40, 24),
        ["a linear layer"] = (left, right) => Products.Linear(left, right.t()),
        ["a linear layer with a bias"] = (left, right) => Products.Linear(left, right.t(), zeros([24], right.dtype)),
        ["a convolution"] = (left, right) => Convolution.Apply(left.view(40, 640, 1, 1), right.t().view(24, 640, 1, 1)).view(40, 24),
    };

    [Theory]
    [MemberData(nameof(HalfProducts))]
    public void A_product_in_a_half_type_is_the_sum_in_fp32_rounded_once_and_so_are_its_gradients(string product, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var left = randn([40, 640], generator: generator).to(type).requires_grad_();
        var right = randn([640, 24], generator: generator).to(type).requires_grad_();
        var gradient = randn([40, 24], generator: generator).to(type);

        var y = s_products[product](left, right);
        Gradients.Run(y, gradient);

        Assert.Equal(type, y.dtype);
        var (exactLeft, exactRight, exactGradient) = (left.detach().to(float64), right.detach().to(float64), gradient.to(float64));
        AssertRoundedOnce(y, exactLeft.mm(exactRight));
        AssertRoundedOnce(left.grad!, exactGradient.mm(exactRight.t()));
        AssertRoundedOnce(right.grad!, exactLeft.t().mm(exactGradient));
    }

    /// <summary>Every element lies within half a unit of the exact one's last place, and the error of a sum in fp32.</summary>
    private static void AssertRoundedOnce(Tensor rounded, Tensor exact)
    {
        var half = Math.Pow(2, rounded.dtype == bfloat16 ? -8 : -11);
        var excess = ((rounded.detach().to(float64) - exact).abs() - (exact.abs() * half)).max().item<double>();
        Assert.InRange(excess, double.NegativeInfinity, 5e-5);
    }

    public static TheoryData<long, long, long, ScalarType> Convolutions()
    {
        var cases = new TheoryData<long, long, long, ScalarType>();
        var grid =
            from type in (ScalarType[])[float32, bfloat16, float16]
            from stride in (long[])[1, 2]
            from inputs in (long[])[3, 8, 24, 32, 40]
            from outputs in (long[])[8, 16, 24, 40, 64]
            select (inputs, outputs, stride, type);
        foreach (var (inputs, outputs, stride, type) in grid)
        {
            cases.Add(inputs, outputs, stride, type);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void A_convolution_and_its_gradients_are_those_of_double_precision_whatever_its_channels(
        long inputs,
        long outputs,
        long stride,
        ScalarType type
    )
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var x = randn([3, inputs, 14, 14], generator: generator).to(type).requires_grad_();
        var weight = randn([outputs, inputs, 3, 3], generator: generator).to(type).requires_grad_();
        var y = Convolution.Apply(x, weight, stride);
        var gradient = randn(y.shape, generator: generator).to(type);
        Gradients.Run(y, gradient);

        var exactX = x.detach().to(float64).requires_grad_();
        var exactWeight = weight.detach().to(float64).requires_grad_();
        var exact = nn.functional.conv2d(exactX, exactWeight, strides: [stride, stride], padding: [1, 1]);
        Gradients.Run(exact, gradient.to(float64));

        var rounding = type == float32 ? 1e-6 : 4e-3;
        Assert.InRange(Difference(y, exact), 0, rounding);
        Assert.InRange(Difference(weight.grad!, exactWeight.grad!), 0, rounding);
        Assert.InRange(Difference(x.grad!, exactX.grad!), 0, rounding);

        static double Difference(Tensor a, Tensor b) => ((a.detach().to(float64) - b.detach()).norm() / b.detach().norm()).item<double>();
    }
}
