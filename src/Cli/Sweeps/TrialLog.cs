using System.Globalization;

namespace ClipTrain.Cli.Sweeps;

/// <summary>What a trial's process said before it ended.</summary>
internal static class TrialLog
{
    /// <summary>Why a process ended: its last error, without time and level, or else the last line that it printed.</summary>
    /// <param name="file">The trial's log.</param>
    /// <param name="from">Length of the log in bytes when the process started.</param>
    public static string Reason(string file, long from)
    {
        if (!File.Exists(file))
        {
            return Nothing;
        }

        using var log = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        log.Seek(from, SeekOrigin.Begin);
        using var reader = new StreamReader(log);
        string? error = null,
            last = null;
        while (reader.ReadLine() is { } line)
        {
            error = ErrorIn(line) ?? error;
            last = string.IsNullOrWhiteSpace(line) ? last : line.Trim();
        }

        return error ?? last ?? Nothing;
    }

    private const string Nothing = "it printed nothing";

    /// <summary>The message of a line such as "09:21:33 ERR no space left"; null for others.</summary>
    private static string? ErrorIn(string line) =>
        line.Split(' ', 3) is [var time, "ERR" or "FTL", var message]
        && TimeOnly.TryParseExact(time, "HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
            ? message.Trim()
            : null;
}
