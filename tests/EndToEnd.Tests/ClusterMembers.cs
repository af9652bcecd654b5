using System.Globalization;
using System.Text.Json;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>Coordinator processes of a run's cluster, read from its files.</summary>
internal static class ClusterMembers
{
    /// <summary>
    /// Number of live members. The table lists a killed process until its death is detected, and a joining process
    /// holds its lock before the table lists it.
    /// </summary>
    /// <param name="runDirectory">The run's folder.</param>
    /// <param name="listed">Number of active members that the table lists; null to read it from the run's files.</param>
    public static int Count(string runDirectory, Func<int>? listed = null)
    {
        var cluster = Path.Combine(runDirectory, "cluster");
        var locks = Path.Combine(cluster, "locks");
        return Directory.Exists(locks)
            ? Math.Min(Directory.GetFiles(locks).Count(RunLock.IsHeld), listed?.Invoke() ?? ActiveRows(Path.Combine(cluster, "members")))
            : 0;
    }

    /// <summary>Each version of the table is a file named by its number: a line with a checksum, then the rows as JSON.</summary>
    private static int ActiveRows(string members)
    {
        if (!Directory.Exists(members) || Directory.GetFiles(members).Where(IsVersion).Max(StringComparer.Ordinal) is not { } newest)
        {
            return 0;
        }

        var text = ProcessMark.ReadOrEmpty(newest);
        return text.Length == 0
            ? 0
            : JsonDocument
                .Parse(text[text.IndexOf('\n', StringComparison.Ordinal)..])
                .RootElement.EnumerateArray()
                .Count(row => row.GetProperty("status").GetString() == "Active");
    }

    private static bool IsVersion(string path) =>
        long.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out _);
}
