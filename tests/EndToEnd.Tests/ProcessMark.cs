using System.Diagnostics;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>
/// Environment variable that marks a process and is inherited by its children, so that all processes of a run can be
/// found even after their parents have exited.
/// </summary>
internal sealed class ProcessMark
{
    private readonly string _variable = $"CLIPTRAIN_MARK={Guid.NewGuid():N}";

    /// <summary>Ids of the marked processes that are alive.</summary>
    public IEnumerable<int> Processes =>
        Directory
            .EnumerateDirectories("/proc")
            .Where(IsMarked)
            .Select(directory => int.Parse(Path.GetFileName(directory), System.Globalization.CultureInfo.InvariantCulture));

    public void Put(ProcessStartInfo start)
    {
        var parts = _variable.Split('=');
        start.Environment[parts[0]] = parts[1];
    }

    /// <summary>
    /// Returns the ids of marked processes with a given word, such as a command of the program, among their arguments.
    /// </summary>
    public IReadOnlyList<int> Find(string word) => [.. Processes.Where(id => ArgumentsOf(id).Contains(word, StringComparer.Ordinal))];

    /// <summary>Returns the command line of a process; empty if it has exited.</summary>
    public static string[] ArgumentsOf(int process) =>
        ReadOrEmpty($"/proc/{process}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Reads a file of /proc; empty if its process has exited.</summary>
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

    private bool IsMarked(string directory) =>
        int.TryParse(Path.GetFileName(directory), out _)
        && ReadOrEmpty(Path.Combine(directory, "environ")).Split('\0').Contains(_variable, StringComparer.Ordinal);
}
