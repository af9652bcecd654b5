using static TorchSharp.torch;

namespace ClipTrain.Torch.Kernels;

/// <summary>Common code of kernels over flat buffers.</summary>
internal static unsafe class FlatKernel
{
    /// <summary>Number of elements in a block: they stay in the cache between passes, and have their own partial sums.</summary>
    public const int Block = 1 << 14;

    /// <summary>Minimum number of blocks per thread.</summary>
    private const int GrainBlocks = 4;

    /// <summary>Runs a body over the blocks [begin, end) of n elements, on libtorch's threads if there are enough blocks.</summary>
    public static void OverBlocks(long n, delegate* unmanaged<long, long, void*, void> body, void* context) =>
        ForBlocks((n + Block - 1) / Block, body, context);

    /// <summary>Runs a body over the blocks [begin, end), on libtorch's threads if there are enough.</summary>
    public static void ForBlocks(long blocks, delegate* unmanaged<long, long, void*, void> body, void* context)
    {
        if (blocks <= GrainBlocks || get_num_threads() == 1)
        {
            body(0, blocks, context);
        }
        else
        {
            Operators.Dispatcher.Check(
                Operators.LibTorch.torch_parallel_for(0, blocks, GrainBlocks, body, context),
                "a kernel on several threads"
            );
        }
    }

    /// <exception cref="ArgumentException">The tensor is not flat, or of another type, length or device.</exception>
    public static void CheckFlat(Tensor tensor, string name, ReadOnlySpan<ScalarType> types, long elements)
    {
        if (tensor.dim() != 1 || !tensor.is_contiguous() || !types.Contains(tensor.dtype) || tensor.numel() != elements)
        {
            throw new ArgumentException(
                $"'{name}' must be a contiguous tensor of one dimension and {elements} {string.Join(" or ", types.ToArray())} elements, "
                    + $"not {Operators.TensorMemory.Describe(tensor)}.",
                name
            );
        }
    }
}
