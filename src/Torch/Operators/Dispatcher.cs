using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// Operators that TorchSharp lacks, called through libtorch's C ABI, or whose C++ exceptions would end the process. Errors become
/// exceptions, and autograd records the operators as usual.
/// </summary>
public static unsafe class Dispatcher
{
    private const ulong NoPadding = unchecked((ulong)-1L);

    /// <summary>
    /// torch.matmul, composed as libtorch does it: …K · KN → …N, or …MK · …KN → …MN with the same leading dimensions.
    /// </summary>
    /// <exception cref="ExternalException">The shapes do not match, or there is not enough memory; with libtorch's text.</exception>
    public static Tensor MatMul(this Tensor left, Tensor right)
    {
        if (left.dim() == 2 && right.dim() == 2)
        {
            return left.mm(right);
        }

        var (leading, rows) = (left.shape[..^2], left.size(-2));
        if (right.dim() == 2)
        {
            using var flat = left.reshape(-1, left.size(-1));
            using var product = flat.mm(right);
            return product.view([.. leading, rows, product.size(1)]);
        }

        if (!leading.AsSpan().SequenceEqual(right.shape.AsSpan()[..^2]))
        {
            throw new ExternalException($"{TensorMemory.Describe(left)} and {TensorMemory.Describe(right)} differ in leading dimensions.");
        }

        using var lefts = left.reshape(-1, rows, left.size(-1));
        using var rights = right.reshape(-1, right.size(-2), right.size(-1));
        using var products = lefts.bmm(rights);
        return products.view([.. leading, rows, products.size(2)]);
    }

    /// <summary>Rows of a table: torch.nn.functional.embedding.</summary>
    /// <exception cref="ExternalException">An index lies outside the table, or there is not enough memory.</exception>
    public static Tensor Embedding(Tensor indices, Tensor weight)
    {
        try
        {
            return Call("aten::embedding\0"u8, "\0"u8, [Own(weight), Own(indices), NoPadding, 0, 0], weight, indices);
        }
        catch (ExternalException)
        {
            // The ABI keeps the error's text to itself. If memory was lacking, this allocation fails as well, and says so.
            using var rows = empty([.. indices.shape, weight.size(1)], weight.dtype, weight.device);
            throw;
        }
    }

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
