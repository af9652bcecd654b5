using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// Operators that TorchSharp lacks, or whose C++ exceptions it lets end the process, through libtorch's C ABI: an error is an
/// exception here. Autograd records them as any.
/// </summary>
public static unsafe class Dispatcher
{
    private const ulong NoPadding = unchecked((ulong)-1L);

    /// <summary>torch.matmul.</summary>
    /// <exception cref="ExternalException">The shapes do not fit, or memory is short.</exception>
    public static Tensor MatMul(this Tensor left, Tensor right) => Call("aten::matmul\0"u8, "\0"u8, [Own(left), Own(right)], left, right);

    /// <summary>Rows of a table: torch.nn.functional.embedding.</summary>
    /// <exception cref="ExternalException">An index lies outside the table.</exception>
    public static Tensor Embedding(Tensor indices, Tensor weight) =>
        Call("aten::embedding\0"u8, "\0"u8, [Own(weight), Own(indices), NoPadding, 0, 0], weight, indices);

    /// <summary>The same bits as elements of another type of the same size: torch.Tensor.view(dtype).</summary>
    internal static Tensor ViewAs(this Tensor tensor, ScalarType type) =>
        Call("aten::view\0"u8, "dtype\0"u8, [Own(tensor), (ulong)type], tensor, tensor);

    internal static void Check(int error, string what)
    {
        if (error != 0)
            throw new ExternalException($"libtorch refused {what}; its own words are on the error stream.");
    }

    /// <summary>A handle that the operator takes over.</summary>
    private static ulong Own(Tensor tensor)
    {
        nint handle;
        Check(LibTorch.aoti_torch_new_tensor_handle(tensor.Handle, &handle), "a tensor");
        return (ulong)handle;
    }

    private static Tensor Call(ReadOnlySpan<byte> op, ReadOnlySpan<byte> overload, Span<ulong> stack, Tensor first, Tensor second)
    {
        int error;
        fixed (
            byte* name = op,
                variant = overload
        )
        fixed (ulong* arguments = stack)
            error = LibTorch.aoti_torch_call_dispatcher(name, variant, arguments);
        if (error != 0)
            throw new ExternalException(
                $"{System.Text.Encoding.ASCII.GetString(op[..^1])} refused {TensorMemory.Describe(first)} and "
                    + $"{TensorMemory.Describe(second)}; libtorch's own words are on the error stream."
            );
        return Tensor.UnsafeCreateTensor((nint)stack[0]);
    }
}
