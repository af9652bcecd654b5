using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Interop;

/// <summary>The functions of the native files that have to do with ranks.</summary>
internal static unsafe partial class NativeMethods
{
    // store.cpp, callback_store.cpp
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ct_tcp_store(string host, int port, int server, long timeoutMs, int* boundPort);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ct_prefix_store(string prefix, nint store);

    [LibraryImport(Library)]
    internal static partial void ct_store_free(nint store);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ct_store_set(nint store, string key, byte* value, int length);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ct_store_get(nint store, string key, byte** value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ct_store_add(nint store, string key, long amount, long* result);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ct_store_wait(nint store, string key, long timeoutMs);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ct_store_delete(nint store, string key);

    [LibraryImport(Library)]
    internal static partial nint ct_callback_store(StoreCallbacks* calls, nint backend, long timeoutMs);

    [LibraryImport(Library)]
    internal static partial void ct_bytes_assign(nint bytes, byte* data, int length);

    // distributed.cpp
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ct_gloo(nint store, int rank, int worldSize, string host, long timeoutMs);

    [LibraryImport(Library)]
    internal static partial nint ct_nccl(nint store, int rank, int worldSize, long timeoutMs);

    [LibraryImport(Library)]
    internal static partial void ct_group_free(nint group);

    [LibraryImport(Library)]
    internal static partial int ct_group_abandon(nint group);

    [LibraryImport(Library)]
    internal static partial nint ct_all_reduce(nint group, nint tensor, int op);

    [LibraryImport(Library)]
    internal static partial nint ct_broadcast(nint group, nint tensor, int root);

    [LibraryImport(Library)]
    internal static partial nint ct_all_gather(nint group, nint* outputs, int count, nint input);

    [LibraryImport(Library)]
    internal static partial nint ct_reduce_scatter_tensor(nint group, nint output, nint input);

    [LibraryImport(Library)]
    internal static partial nint ct_all_gather_into_tensor(nint group, nint output, nint input);

    [LibraryImport(Library)]
    internal static partial nint ct_barrier(nint group);

    [LibraryImport(Library)]
    internal static partial int ct_work_wait(nint work, long timeoutMs);

    [LibraryImport(Library)]
    internal static partial int ct_work_is_completed(nint work);

    [LibraryImport(Library)]
    internal static partial void ct_work_free(nint work);

    // reducer.cpp
    [LibraryImport(Library)]
    internal static partial nint ct_reducer(
        nint* leaves, long* offsets, int leafCount, nint flat, nint group, GradientBucket* ranges, int bucketCount);

    [LibraryImport(Library)]
    internal static partial void ct_reducer_free(nint reducer);

    [LibraryImport(Library)]
    internal static partial int ct_reducer_begin(nint reducer, int accumulate);

    [LibraryImport(Library)]
    internal static partial int ct_reducer_finish(nint reducer, nint* works);
}
