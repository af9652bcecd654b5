using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Loading;

/// <summary>
/// Delays releases by the garbage collector. TorchSharp 0.107 passes tensors and numbers to an operator as native objects that the
/// collector may finalize while the operator still reads them, which under load causes wrong numbers, "Unknown scalar type" or a
/// segmentation fault. Dispose scopes prevent this for tensors; nothing else does for numbers.
/// </summary>
internal static unsafe partial class NativeLifetime
{
    /// <summary>PR_GET_NAME, and the length of a thread's name on Linux.</summary>
    private const int GetName = 16,
        NameLength = 16;

    /// <summary>Time by which an operator has ended, or a number has been read, even on a busy machine.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromSeconds(30);

    private static readonly Queue<(long Released, nint Native, bool IsTensor)> s_released = new();
    private static delegate* unmanaged<nint, int> s_deleteTensor;

    [ThreadStatic]
    private static bool? t_isFinalizer;

    /// <param name="library">libtorch.</param>
    /// <param name="binding">TorchSharp's native library.</param>
    /// <exception cref="DllNotFoundException">The system does not allow the patch.</exception>
    public static void Extend(nint library, nint binding)
    {
        s_deleteTensor = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "aoti_torch_delete_tensor_object");
        Redirect(binding, "THSTorch_dispose_scalar", &ReleaseScalar);
        Redirect(binding, "THSTensor_dispose", &ReleaseTensor);
    }

    private static void Redirect(nint binding, string release, delegate* unmanaged<nint, void> target)
    {
        if (!CodePatch.Redirect(NativeLibrary.GetExport(binding, release), (nint)target))
        {
            throw new DllNotFoundException(
                $"TorchSharp's {release} could not be replaced: this system does not let a process change its own code, which ClipTrain "
                    + "needs for tensors and numbers to live as long as they are used."
            );
        }
    }

    // A scalar is plain memory, which libstdc++ allocates with malloc. TorchSharp has no other way to release one than the collector.
    [UnmanagedCallersOnly]
    private static void ReleaseScalar(nint scalar) => ReleaseLater(scalar, isTensor: false);

    [UnmanagedCallersOnly]
    private static void ReleaseTensor(nint tensor)
    {
        if (t_isFinalizer ??= IsFinalizer())
        {
            ReleaseLater(tensor, isTensor: true);
        }
        else
        {
            _ = s_deleteTensor(tensor);
        }
    }

    private static void ReleaseLater(nint native, bool isTensor)
    {
        lock (s_released)
        {
            s_released.Enqueue((Stopwatch.GetTimestamp(), native, isTensor));
            while (Stopwatch.GetElapsedTime(s_released.Peek().Released) > Delay)
            {
                var (_, old, wasTensor) = s_released.Dequeue();
                if (wasTensor)
                {
                    _ = s_deleteTensor(old);
                }
                else
                {
                    NativeMemory.Free((void*)old);
                }
            }
        }
    }

    /// <summary>True on the runtime's thread that runs all finalizers, which it names.</summary>
    private static bool IsFinalizer()
    {
        var name = stackalloc byte[NameLength];
        return prctl(GetName, name) == 0 && MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name).SequenceEqual(".NET Finalizer"u8);
    }

    [LibraryImport("libc")]
    private static partial int prctl(int option, byte* name);
}
