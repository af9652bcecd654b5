using System.Runtime.InteropServices;

namespace ClipTrain.Torch.Tests;

/// <summary>Memory that the process has allocated with malloc.</summary>
internal static partial class NativeHeap
{
    /// <summary>Bytes in use, in arenas and in separately mapped blocks.</summary>
    public static long AllocatedBytes()
    {
        var info = mallinfo2();
        return (long)(info.InUse + info.Mapped);
    }

    [LibraryImport("libc")]
    private static partial MallInfo2 mallinfo2();

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct MallInfo2
    {
        public readonly nuint Arena;
        public readonly nuint FreeBlocks;
        public readonly nuint FreeFastBlocks;
        public readonly nuint MappedBlocks;
        public readonly nuint Mapped;
        public readonly nuint MaxInUse;
        public readonly nuint FreeFast;
        public readonly nuint InUse;
        public readonly nuint Free;
        public readonly nuint Releasable;
    }
}
