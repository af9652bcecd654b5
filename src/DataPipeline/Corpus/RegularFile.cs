using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Rejects pipes and devices, which a file reader would wait for, or read, for ever.</summary>
public static unsafe partial class RegularFile
{
    private const int CurrentDirectory = -100,
        ResultBytes = 256,
        ModeOffset = 28;
    private const uint TypeWanted = 1;
    private const int TypeMask = 0xF000,
        Pipe = 0x1000,
        CharacterDevice = 0x2000,
        BlockDevice = 0x6000,
        Socket = 0xC000;

    /// <summary>Accepts files, and paths that do not exist or cannot be examined: opening them reports the problem.</summary>
    /// <exception cref="IOException">The path is a pipe, a socket or a device.</exception>
    public static void Require(string path)
    {
        var result = stackalloc byte[ResultBytes];
        try
        {
            if (StatX(CurrentDirectory, path, 0, TypeWanted, result) != 0)
            {
                return;
            }
        }
        catch (EntryPointNotFoundException)
        {
            return;
        }

        if (
            (BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(result + ModeOffset, 2)) & TypeMask)
            is Pipe
                or CharacterDevice
                or BlockDevice
                or Socket
        )
        {
            throw new IOException($"{path} is a pipe, a socket or a device, not a file.");
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, byte* result);
}
