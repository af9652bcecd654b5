using System.Runtime.InteropServices;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Terminal in which the program was started.</summary>
internal static partial class Terminal
{
    private const int ReadWrite = 2;

    /// <summary>Discards all further output, because writes to a closed terminal fail.</summary>
    public static void Leave()
    {
        var nowhere = Open("/dev/null", ReadWrite);
        for (var standard = 0; nowhere >= 0 && standard <= 2; standard++)
        {
            _ = Duplicate(nowhere, standard);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);
}
