using System.Runtime.InteropServices;
using System.Text;
using ClipTrain.Trainer.Config;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// How many files and connections this process may have open. With too few not even the runtime's own libraries can be loaded, so it
/// is looked at first.
/// </summary>
internal static partial class OpenFiles
{
    /// <summary>What a run needs; one alone takes some 250.</summary>
    private const ulong Enough = 512;

    /// <summary>The resource RLIMIT_NOFILE of Linux.</summary>
    private const int OpenFilesLimit = 7;

    private const int StandardError = 2;

    /// <summary>
    /// What to do about a limit that is too low; null when it is high enough. The runtime has raised the limit as far as it may by
    /// itself.
    /// </summary>
    public static string? Problem() =>
        Read(OpenFilesLimit, out var limit) == 0 && limit.Hard < Enough
            ? $"This process may open no more than {limit.Hard} files and connections, and needs {Enough}: raise the limit, as with "
                + "`ulimit -n 4096`."
            : null;

    /// <summary>Writes a line to standard error without the console's libraries, which may not load any more.</summary>
    public static void Tell(string line)
    {
        using var error = new FileStream(new SafeFileHandle(StandardError, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        error.Write(Encoding.UTF8.GetBytes(line + '\n'));
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int Read(int resource, out Limit limit);

    private readonly record struct Limit(ulong Soft, ulong Hard);
}
