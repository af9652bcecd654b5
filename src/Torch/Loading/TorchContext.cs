using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Loading;

/// <summary>Settings of libtorch's global context (at::Context) that TorchSharp does not offer, by the names of its C++ functions.</summary>
internal static unsafe class TorchContext
{
    /// <summary>NNPACK does not support recent processors, and warns at each convolution.</summary>
    public static void DisableNnpack(nint library) => Set(library, "20setUserEnabledNNPACKEb", false);

    /// <summary>
    /// Makes a GPU repeat its results bit for bit, and fp32 mean fp32: by default cuDNN may choose algorithms that add in any order and
    /// rounds the factors of convolutions to TF32's ten bits, and sums over indices are atomic. An operator that has no deterministic
    /// algorithm warns.
    /// </summary>
    /// <returns>True if libtorch has these settings.</returns>
    public static bool MakeGpusReproducible(nint library) =>
        Set(library, "21setDeterministicCuDNNEb", true)
        && Set(library, "17setAllowTF32CuDNNEb", false)
        && Set(library, "18setAllowTF32CuBLASEb", false)
        // Its own check for memory that is used before it is written would cost a pass over every new tensor.
        && Set(library, "39setDeterministicFillUninitializedMemoryEb", false)
        && Set(library, "26setDeterministicAlgorithmsEbb", true, true);

    private static bool Set(nint library, string function, bool value, bool onlyWarn = false)
    {
        if (
            !NativeLibrary.TryGetExport(library, "_ZN2at13globalContextEv", out var context)
            || !NativeLibrary.TryGetExport(library, $"_ZN2at7Context{function}", out var set)
        )
        {
            return false;
        }

        // A function of one argument ignores the other register.
        ((delegate* unmanaged<nint, byte, byte, void>)set)(
            ((delegate* unmanaged<nint>)context)(),
            value ? (byte)1 : (byte)0,
            onlyWarn ? (byte)1 : (byte)0
        );
        return true;
    }
}
