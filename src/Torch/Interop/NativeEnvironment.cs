using System.Runtime.InteropServices;

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
    }

    private static void SetDefault(string name, string value) => _ = SetEnv(name, value, overwrite: 0);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);
}
