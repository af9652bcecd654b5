using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>Operators that would end the process when called through TorchSharp, or are missing there.</summary>
public sealed class DispatcherTests
{
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
