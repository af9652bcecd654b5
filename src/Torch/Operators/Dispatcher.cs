using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// Operators that TorchSharp lacks, or whose C++ exceptions would end the process, called through libtorch's C ABI. Errors become
/// exceptions, and autograd records the operators as usual.
/// </summary>
public static unsafe class Dispatcher
{
    private const ulong NoPadding = unchecked((ulong)-1L);

    /// <summary>torch.matmul.</summary>
    /// <exception cref="ExternalException">The shapes do not match, or there is not enough memory.</exception>
    public static Tensor MatMul(this Tensor left, Tensor right) => Call("aten::matmul\0"u8, "\0"u8, [Own(left), Own(right)], left, right);

    /// <summary>Rows of a table: torch.nn.functional.embedding.</summary>
    /// <exception cref="ExternalException">An index lies outside the table.</exception>
    public static Tensor Embedding(Tensor indices, Tensor weight) =>
        Call("aten::embedding\0"u8, "\0"u8, [Own(weight), Own(indices), NoPadding, 0, 0], weight, indices);

    /// <summary>Reinterprets the elements as another type of the same size: torch.Tensor.view(dtype).</summary>
    internal static Tensor ViewAs(this Tensor tensor, ScalarType type) =>
        Call("aten::view\0"u8, "dtype\0"u8, [Own(tensor), (ulong)type], tensor, tensor);

    internal static void Check(int error, string what)
    {
        if (error != 0)
        {
            throw new ExternalException($"libtorch rejected {what}; its message is on stderr.");
        }
    }

    /// <summary>Creates a handle for the operator to own.</summary>
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
        {
            error = LibTorch.aoti_torch_call_dispatcher(name, variant, arguments);
        }

        if (error != 0)
        {
            throw new ExternalException(
                $"{System.Text.Encoding.ASCII.GetString(op[..^1])} rejected {TensorMemory.Describe(first)} and "
                    + $"{TensorMemory.Describe(second)}; libtorch's message is on stderr."
            );
        }

        return Tensor.UnsafeCreateTensor((nint)stack[0]);
    }
}
