using System.Globalization;
using System.Text.Json;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>The coordinator processes that a run's cluster has, as its files tell.</summary>
internal static class ClusterMembers
{
    /// <summary>How many have joined and live. The table counts one that was killed until it is found out; one that joins holds its lock already.</summary>
    public static int Count(string runDirectory)
    {
        var cluster = Path.Combine(runDirectory, "cluster");
        var locks = Path.Combine(cluster, "locks");
        return Directory.Exists(locks)
            ? Math.Min(Directory.GetFiles(locks).Count(RunLock.IsHeld), ActiveRows(Path.Combine(cluster, "members")))
            : 0;
    }

    /// <summary>Versions of the table are files of their numbers: a line with a check sum, and behind it the rows in JSON.</summary>
    private static int ActiveRows(string members)
    {
        if (!Directory.Exists(members) || Directory.GetFiles(members).Where(IsVersion).Max(StringComparer.Ordinal) is not { } newest)
            return 0;
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
