using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// Check of the limit on open files. It runs first: below a certain limit, the runtime cannot even load its own
/// libraries.
/// </summary>
internal static partial class OpenFiles
{
    /// <summary>Minimum limit for a run, about twice what a local run uses.</summary>
    private const ulong Enough = 512;

    /// <summary>RLIMIT_NOFILE on Linux.</summary>
    private const int OpenFilesLimit = 7;

    private const int StandardError = 2;

    /// <summary>
    /// Message with the remedy if the limit is too low; otherwise null. Reads the hard limit, because the runtime has
    /// already raised the soft limit to it.
    /// </summary>
    public static string? Problem() =>
        Read(OpenFilesLimit, out var limit) == 0 && limit.Hard < Enough
            ? $"This process may open only {limit.Hard} files and connections and needs {Enough}: raise the limit, e.g. with "
                + "`ulimit -n 4096`."
            : null;

    /// <summary>Writes a line to standard error without the console libraries, which may fail to load.</summary>
    public static void Tell(string line)
    {
        using var error = new FileStream(new SafeFileHandle(StandardError, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        error.Write(Encoding.UTF8.GetBytes(line + '\n'));
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int Read(int resource, out Limit limit);

    private readonly record struct Limit(ulong Soft, ulong Hard);
}
