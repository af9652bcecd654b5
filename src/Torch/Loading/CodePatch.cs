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
