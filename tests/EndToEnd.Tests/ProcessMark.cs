using System.Diagnostics;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>A mark in the environment of processes, which those that they start inherit: the processes of a run can be found by it, though their parents may have ended.</summary>
internal sealed class ProcessMark
{
    private readonly string _variable = $"CLIPTRAIN_MARK={Guid.NewGuid():N}";

    /// <summary>Ids of the marked processes that live.</summary>
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

    /// <summary>Ids of the marked processes that have a word among their arguments, such as a command of the program.</summary>
    public IReadOnlyList<int> Find(string word) => [.. Processes.Where(id => ArgumentsOf(id).Contains(word, StringComparer.Ordinal))];

    /// <summary>What a process was started with, its name first; empty when it has ended.</summary>
    public static string[] ArgumentsOf(int process) =>
        ReadOrEmpty($"/proc/{process}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);

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

    private bool IsMarked(string directory) =>
        int.TryParse(Path.GetFileName(directory), out _)
        && ReadOrEmpty(Path.Combine(directory, "environ")).Split('\0').Contains(_variable, StringComparer.Ordinal);
}
