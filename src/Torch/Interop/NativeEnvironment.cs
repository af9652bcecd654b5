using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.Torch.Interop;

/// <summary>
/// Settings that libtorch's libraries read from the environment when they load. What the user has set stays. .NET keeps
/// an environment of its own, so the C library's is written.
/// </summary>
internal static partial class NativeEnvironment
{
    public static void Prepare()
    {
        // OpenMP threads that spin while they wait take the cores from the threads that decode images.
        SetDefault("OMP_WAIT_POLICY", "passive");

        // OpenBLAS 0.3.21 knows Intel's processors with AVX-512 and takes AMD's for Haswell, at half their speed.
        if (Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && IsAmd())
            SetDefault("OPENBLAS_CORETYPE", "SkylakeX");
    }

    private static bool IsAmd() => X86Base.CpuId(0, 0).Ebx == BitConverter.ToInt32("Auth"u8);

    private static void SetDefault(string name, string value) => _ = SetEnv(name, value, overwrite: 0);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);
}
