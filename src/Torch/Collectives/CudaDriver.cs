using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Collectives;

/// <summary>Functions of NVIDIA's driver, whose library has the same name in every version of CUDA. They return 0 or an error.</summary>
internal static unsafe partial class CudaDriver
{
    private const string Library = Loading.NativeTorch.CudaDriver;

    [LibraryImport(Library)]
    internal static partial int cuInit(uint flags);

    [LibraryImport(Library)]
    internal static partial int cuDevicePrimaryCtxRetain(nint* context, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    internal static partial int cuDevicePrimaryCtxRelease(int device);

    [LibraryImport(Library)]
    internal static partial int cuCtxSetCurrent(nint context);

    [LibraryImport(Library)]
    internal static partial int cuStreamCreate(nint* stream, uint flags);

    [LibraryImport(Library, EntryPoint = "cuStreamDestroy_v2")]
    internal static partial int cuStreamDestroy(nint stream);

    [LibraryImport(Library)]
    internal static partial int cuStreamWaitEvent(nint stream, nint mark, uint flags);

    [LibraryImport(Library)]
    internal static partial int cuStreamQuery(nint stream);

    [LibraryImport(Library)]
    internal static partial int cuEventCreate(nint* mark, uint flags);

    [LibraryImport(Library, EntryPoint = "cuEventDestroy_v2")]
    internal static partial int cuEventDestroy(nint mark);

    [LibraryImport(Library)]
    internal static partial int cuEventRecord(nint mark, nint stream);

    [LibraryImport(Library)]
    internal static partial int cuDeviceGet(int* device, int ordinal);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetUuid_v2")]
    internal static partial int cuDeviceGetUuid(Guid* uuid, int device);
}
