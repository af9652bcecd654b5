using System.Runtime.CompilerServices;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed unsafe class NativeLifetimeTests
{
    private const int Elements = 16,
        Tensors = 1000;

    [Fact]
    public void A_finalized_tensor_keeps_its_memory_for_the_operator_that_may_still_read_it()
    {
        var (memory, sevens) = Forget();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Contains(sevens, tensor => !tensor.IsAlive);

        using var scope = NewDisposeScope();
        for (var i = 0; i < Tensors; i++)
        {
            zeros([Elements]);
        }

        Assert.All(memory, address => Assert.Equal(-1, new ReadOnlySpan<float>((void*)address, Elements).IndexOfAnyExcept(7)));
    }

    [Fact]
    public void A_disposed_tensor_is_released_at_once()
    {
        var before = NativeHeap.AllocatedBytes();
        for (var i = 0; i < 100; i++)
        {
            using var large = zeros([1 << 20]);
        }

        Assert.InRange(NativeHeap.AllocatedBytes() - before, long.MinValue, 64 << 20);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (nint[] Memory, WeakReference[] Tensors) Forget()
    {
        var tensors = Enumerable.Range(0, Tensors).Select(_ => full([Elements], 7f)).ToArray();
        var memory = tensors.Select(tensor => tensor.DataPointer()).ToArray();
        return (memory, [.. tensors.Select(tensor => new WeakReference(tensor))]);
    }
}
