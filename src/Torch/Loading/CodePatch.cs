using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Loading;

/// <summary>Overwrites functions of loaded libraries in this process's memory.</summary>
internal static unsafe partial class CodePatch
{
    private const int Read = 1,
        Write = 2,
        Execute = 4;
    private const long PageSize = 4096;

    /// <summary>Overwrites the start of a function. Call this before any thread runs it.</summary>
    /// <returns>True if the system allowed it.</returns>
    public static bool Overwrite(nint function, ReadOnlySpan<byte> code)
    {
        var page = function & ~(nint)(PageSize - 1);
        var length = (nuint)(function - page + code.Length);
        if (Protect(page, length, Read | Write | Execute) != 0)
        {
            return false;
        }

        code.CopyTo(new Span<byte>((void*)function, code.Length));
        return Protect(page, length, Read | Execute) == 0;
    }

    /// <summary>Makes a function jump to another one.</summary>
    /// <inheritdoc cref="Overwrite"/>
    public static bool Redirect(nint function, nint target)
    {
        // mov rax, target; jmp rax
        Span<byte> code = [0x48, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xE0];
        MemoryMarshal.Write(code[2..], (long)target);
        return Overwrite(function, code);
    }

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);
}

/// <summary>
/// Delays the release of TorchSharp's scalars. TorchSharp 0.107 passes a number to an operator as a native object that the garbage
/// collector may finalize while the operator still reads it, which under load causes "Unknown scalar type" or a wrong number.
/// </summary>
internal static unsafe class ScalarLifetime
{
    private const string Release = "THSTorch_dispose_scalar";

    /// <summary>An operator reads its scalars when it starts.</summary>
    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(5);

    private static readonly Queue<(long Released, nint Scalar)> s_released = new();

    /// <exception cref="DllNotFoundException">The system does not allow the patch.</exception>
    public static void Extend(nint binding)
    {
        if (!CodePatch.Redirect(NativeLibrary.GetExport(binding, Release), (nint)(delegate* unmanaged<nint, void>)&FreeLater))
        {
            throw new DllNotFoundException(
                $"TorchSharp's {Release} could not be replaced: this system does not let a process change its own code, which ClipTrain "
                    + "needs for numbers to live as long as they are used."
            );
        }
    }

    // A scalar is plain memory, which libstdc++ allocates with malloc.
    [UnmanagedCallersOnly]
    private static void FreeLater(nint scalar)
    {
        lock (s_released)
        {
            s_released.Enqueue((Stopwatch.GetTimestamp(), scalar));
            while (Stopwatch.GetElapsedTime(s_released.Peek().Released) > s_delay)
            {
                NativeMemory.Free((void*)s_released.Dequeue().Scalar);
            }
        }
    }
}
