using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Loading;

/// <summary>
/// TorchSharp 0.107 passes a number to an operator as a native object that the garbage collector may finalise while the
/// operator still reads it: under load, "Unknown scalar type" or a wrong number. Its native objects are freed late instead.
/// </summary>
internal static unsafe class ScalarLifetime
{
    private const string Release = "THSTorch_dispose_scalar";

    /// <summary>An operator reads its numbers at its beginning.</summary>
    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(5);

    private static readonly Queue<(long Released, nint Scalar)> s_released = new();

    /// <exception cref="DllNotFoundException">The system does not allow it.</exception>
    public static void Extend(nint binding)
    {
        if (!CodePatch.Redirect(NativeLibrary.GetExport(binding, Release), (nint)(delegate* unmanaged<nint, void>)&FreeLater))
            throw new DllNotFoundException(
                $"TorchSharp's {Release} could not be replaced: this system does not let a process change its own code, which ClipTrain "
                    + "needs for numbers to live as long as they are used."
            );
    }

    // A number is plain memory, which libstdc++ takes from malloc.
    [UnmanagedCallersOnly]
    private static void FreeLater(nint scalar)
    {
        lock (s_released)
        {
            s_released.Enqueue((Stopwatch.GetTimestamp(), scalar));
            while (Stopwatch.GetElapsedTime(s_released.Peek().Released) > s_delay)
                NativeMemory.Free((void*)s_released.Dequeue().Scalar);
        }
    }
}
