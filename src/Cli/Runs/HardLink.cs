using System.Runtime.InteropServices;

namespace ClipTrain.Cli.Runs;

/// <summary>Hard links.</summary>
internal static partial class HardLink
{
    /// <summary>Creates a hard link. Returns false if the file system refuses.</summary>
    public static bool TryCreate(string from, string to) => Link(from, to) == 0;

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);
}
