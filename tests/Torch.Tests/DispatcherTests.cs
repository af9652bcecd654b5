using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>Operators that would end the process when called through TorchSharp, or are missing there.</summary>
public sealed class DispatcherTests
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

    [Fact]
    public void An_embedding_looks_rows_up_and_refuses_those_that_are_not_there()
    {
        using var scope = NewDisposeScope();
        var table = arange(6, float32).view(3, 2).requires_grad_();

        var rows = Dispatcher.Embedding(tensor([2L, 0, 2]), table);
        Gradients.Run(rows.sum(), ones([]));

        Assert.Equal([4f, 5f, 0f, 1f, 4f, 5f], rows.detach().AsSpan<float>().ToArray());
        Assert.Equal([1f, 1f, 0f, 0f, 2f, 2f], table.grad!.AsSpan<float>().ToArray());
        Assert.Throws<ExternalException>(() => Dispatcher.Embedding(tensor([3L]), table));
    }

    [Fact]
    public void No_thread_at_all_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => Threads.Set(0));

    [Fact]
    public void A_span_is_of_contiguous_elements_of_the_asked_size()
    {
        using var scope = NewDisposeScope();
        var x = arange(6, float32).view(2, 3);

        Assert.Equal(5f, x.AsSpan<float>()[5]);
        Assert.Throws<InvalidOperationException>(() => x.t().AsSpan<float>().Length);
        Assert.Throws<InvalidOperationException>(() => x.AsSpan<double>().Length);
    }

    [Fact]
    public unsafe void A_tensor_over_memory_reads_and_writes_it()
    {
        float[] memory = [1, 2, 3, 4];
        fixed (float* first = memory)
        {
            using var scope = NewDisposeScope();
            var x = TensorMemory.FromBlob((nint)first, [2, 2], float32);
            x.add_(1);
            Assert.Equal(5f, x[1, 1].item<float>());
        }

        Assert.Equal([2f, 3f, 4f, 5f], memory);
    }

    public static TheoryData<long, long, long, ScalarType> Convolutions()
    {
        var cases = new TheoryData<long, long, long, ScalarType>();
        var grid =
            from type in (ScalarType[])[float32, bfloat16]
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

    [Fact]
    public void Numbers_live_as_long_as_operators_read_them()
    {
        using var scope = NewDisposeScope();
        using var over = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!over.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        var x = ones([4]);
        for (var i = 0; i < 20_000; i++)
        {
            using var inner = NewDisposeScope();
            Assert.Equal(3.0 * i, (x * (double)i).AsSpan<float>()[0] * 3.0);
        }

        over.Cancel();
        collector.Join();
    }
}
