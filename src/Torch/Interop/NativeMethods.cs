using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>
/// The functions of <c>native/</c>. What only reads a field runs without a GC transition. A function that can fail says so
/// in its result and leaves the text in <see cref="ct_last_error"/>.
/// </summary>
internal static unsafe partial class NativeMethods
{
    private const string Library = NativeLibraryResolver.LibraryName;

    // dispatch.cpp
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ct_find_operator(string name, string overload);

    [LibraryImport(Library)]
    internal static partial byte* ct_operator_schema(nint op);

    [LibraryImport(Library)]
    internal static partial int ct_call(nint op, NativeValue* arguments, int count, NativeValue** results);

    // tensor.cpp
    [LibraryImport(Library)]
    internal static partial byte* ct_last_error();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void ct_set_last_error(string message);

    [LibraryImport(Library)]
    internal static partial long ct_live_handles();

    [LibraryImport(Library)]
    internal static partial void ct_release(nint tensor);

    [LibraryImport(Library)]
    internal static partial void ct_release_many(nint* tensors, int count);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int ct_dim(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial void ct_sizes(nint tensor, long* sizes);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial long ct_numel(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int ct_dtype(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int ct_is_contiguous(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial long ct_device(nint tensor);

    [LibraryImport(Library)]
    internal static partial int ct_data_ptr(nint tensor, nint* data);

    [LibraryImport(Library)]
    internal static partial int ct_item(nint tensor, NativeValue* value);

    [LibraryImport(Library)]
    internal static partial nint ct_from_blob(nint data, long* sizes, int dims, int dtype);

    [LibraryImport(Library)]
    internal static partial int ct_set_num_threads(int count);

    [LibraryImport(Library)]
    internal static partial int ct_get_num_threads();

    [LibraryImport(Library)]
    internal static partial byte* ct_version();

    [LibraryImport(Library)]
    internal static partial byte* ct_show_config();

    [LibraryImport(Library)]
    internal static partial byte* ct_parallel_info();

    [LibraryImport(Library)]
    internal static partial int ct_cuda_device_count();

    [LibraryImport(Library)]
    internal static partial int ct_cuda_synchronize(int index);

    [LibraryImport(Library)]
    internal static partial int ct_cuda_set_device(int index);

    // generator.cpp
    [LibraryImport(Library)]
    internal static partial int ct_manual_seed(ulong seed);

    [LibraryImport(Library)]
    internal static partial nint ct_generator(int deviceType, int deviceIndex, int shared);

    [LibraryImport(Library)]
    internal static partial void ct_generator_free(nint generator);

    [LibraryImport(Library)]
    internal static partial int ct_generator_seed(nint generator, ulong seed);

    [LibraryImport(Library)]
    internal static partial nint ct_generator_get_state(nint generator);

    [LibraryImport(Library)]
    internal static partial int ct_generator_set_state(nint generator, nint state);

    // autograd.cpp, function.cpp, collect_grads.cpp, kernels.cpp
    [LibraryImport(Library)]
    internal static partial int ct_requires_grad(nint tensor);

    [LibraryImport(Library)]
    internal static partial int ct_set_requires_grad(nint tensor, int value);

    [LibraryImport(Library)]
    internal static partial int ct_grad(nint tensor, nint* grad);

    [LibraryImport(Library)]
    internal static partial int ct_set_grad(nint tensor, nint grad);

    [LibraryImport(Library)]
    internal static partial int ct_backward(nint* outputs, nint* grads, int count, int retainGraph, nint* exception);

    [LibraryImport(Library)]
    internal static partial int ct_record_function(
        BackwardCallbacks* calls, nint context, nint output, nint* inputs, int inputCount, nint* saved, int savedCount);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int ct_is_grad_enabled();

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int ct_set_grad_enabled(int enabled);

    [LibraryImport(Library)]
    internal static partial int ct_collect_grads(nint* parameters, long* offsets, int count, nint flat, int accumulate);

    [LibraryImport(Library)]
    internal static partial int ct_adamw(
        nint param, nint grad, nint expAvg, nint expAvgSq, nint computeBf16, double gradScale,
        double lr, double beta1, double beta2, double eps, double weightDecay, long step,
        int rounds, ulong key, long first);

    [LibraryImport(Library)]
    internal static partial int ct_sum_of_squares(nint flat, double* sum);
}
