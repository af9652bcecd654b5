using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// The functions of libtorch's stable C ABI, and of TorchSharp's native half, that are called past TorchSharp. Those of the ABI
/// return 0, or an error whose text libtorch writes to the error stream.
/// </summary>
internal static unsafe partial class LibTorch
{
    private const string Library = "torch_cpu",
        Binding = "LibTorchSharp";

    /// <summary>Calls an operator through the dispatcher. The stack has its arguments, which it takes over, and then its results.</summary>
    [LibraryImport(Library)]
    internal static partial int aoti_torch_call_dispatcher(byte* op, byte* overload, ulong* stack);

    /// <summary>Another handle of a tensor.</summary>
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

    /// <summary>In libtorch for CUDA alone.</summary>
    [LibraryImport("torch_cuda")]
    internal static partial int aoti_torch_get_current_cuda_stream(int device, nint* stream);

    /// <summary>Runs a body over [begin, end) on libtorch's threads, in pieces of at least a grain.</summary>
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
