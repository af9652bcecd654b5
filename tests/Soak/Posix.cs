using System.Runtime.InteropServices;

namespace ClipTrain.Soak;

/// <summary>Signals to processes.</summary>
internal static partial class Posix
{
    public const int Kill = 9, Terminate = 15, Continue = 18, Stop = 19;

    /// <summary>Sends a signal. To a process that has just ended it does nothing.</summary>
    public static void Send(int processId, int signal) => _ = SendSignal(processId, signal);

    /// <summary>The children of a process that have a word among their arguments.</summary>
    public static IReadOnlyList<int> Children(int parent, string word)
    {
        var children = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out var id) && Parent(directory) == parent
                && ReadOrEmpty(Path.Combine(directory, "cmdline")).Split('\0').Contains(word, StringComparer.Ordinal))
                children.Add(id);
        }

        return children;
    }

    /// <summary>A file of /proc; empty when its process has ended.</summary>
    public static string ReadOrEmpty(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>The second field after the name, which is in brackets and may hold any character.</summary>
    private static int Parent(string directory) =>
        ReadOrEmpty(Path.Combine(directory, "stat")) is { Length: > 0 } stat ? int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture) : 0;

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int processId, int signal);
}
