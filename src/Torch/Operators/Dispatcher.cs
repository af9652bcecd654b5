using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// Operators that TorchSharp lacks, called through libtorch's C ABI, or whose C++ exceptions would end the process. Errors become
/// exceptions, and autograd records the operators as usual.
/// </summary>
public static unsafe class Dispatcher
{
    private const ulong NoPadding = unchecked((ulong)-1L);

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

    /// <summary>The answer of an operator without arguments that returns a bool.</summary>
    internal static bool Ask(ReadOnlySpan<byte> op)
    {
        Span<ulong> stack = [0];
        Invoke(op, "\0"u8, stack);
        return stack[0] != 0;
    }

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
        Invoke(op, overload, stack, first, second);
        return Tensor.UnsafeCreateTensor((nint)stack[0]);
    }

    private static void Invoke(ReadOnlySpan<byte> op, ReadOnlySpan<byte> overload, Span<ulong> stack, params ReadOnlySpan<Tensor> tensors)
    {
        int error;
        fixed (
            byte* name = op,
                variant = overload
        )
        fixed (ulong* values = stack)
        {
            error = LibTorch.aoti_torch_call_dispatcher(name, variant, values);
        }

        if (error != 0)
        {
            var (called, given) = (Encoding.ASCII.GetString(op[..^1]), new List<string>());
            foreach (var tensor in tensors)
            {
                given.Add(TensorMemory.Describe(tensor));
            }

            throw new ExternalException($"{called} rejected {string.Join(" and ", given)}; libtorch's message is on stderr.");
        }
    }
}
