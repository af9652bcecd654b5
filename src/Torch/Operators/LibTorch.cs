using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// Functions of libtorch's stable C ABI and of TorchSharp's native library that are called directly. Functions of the ABI return 0, or
/// an error whose text libtorch writes to stderr.
/// </summary>
internal static unsafe partial class LibTorch
{
    private const string Library = "torch_cpu",
        Binding = "LibTorchSharp";

    /// <summary>
    /// Calls an operator through the dispatcher. The stack contains the arguments, which the operator consumes, and then the
    /// results.
    /// </summary>
    [LibraryImport(Library)]
    internal static partial int aoti_torch_call_dispatcher(byte* op, byte* overload, ulong* stack);

    /// <summary>Creates another handle of a tensor.</summary>
    [LibraryImport(Library)]
    internal static partial int aoti_torch_new_tensor_handle(nint tensor, nint* result);

    [LibraryImport(Library)]
    internal static partial int aoti_torch_create_tensor_from_blob(
        nint data,
        long dims,
        long* sizes,
        long* strides,
        long offset,
        int dtype,
        int device,
        int index,
        nint* result
    );

    /// <summary>Only in libtorch for CUDA.</summary>
    [LibraryImport("torch_cuda")]
    internal static partial int aoti_torch_get_current_cuda_stream(int device, nint* stream);

    /// <summary>Runs a body over [begin, end) on libtorch's threads, in pieces of at least <c>grain</c>.</summary>
    [LibraryImport(Library)]
    internal static partial int torch_parallel_for(
        long begin,
        long end,
        long grain,
        delegate* unmanaged<long, long, void*, void> body,
        void* context
    );

    [LibraryImport(Binding)]
    internal static partial nint THSTensor_data(nint tensor);
}
