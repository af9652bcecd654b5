using System.Runtime.InteropServices;

namespace ClipTrain.Cli.Telemetry;

/// <summary>The terminal that the program was started in.</summary>
internal static partial class Terminal
{
    private const int ReadWrite = 2;

    /// <summary>Whatever the program prints from now on goes nowhere: a write to a terminal that is gone fails.</summary>
    public static void Leave()
    {
        var nowhere = Open("/dev/null", ReadWrite);
        for (var standard = 0; nowhere >= 0 && standard <= 2; standard++)
            _ = Duplicate(nowhere, standard);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);
}
