using System.Globalization;
using System.Text.RegularExpressions;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// Where a crashed process was, for its message: the function and the text of the C++ exception that ended it, if its standard error
/// has them, and the last step that the coordinator knows it had done.
/// </summary>
internal static partial class CrashPlace
{
    /// <summary>What the C++ runtime prints before the text of an exception that nobody catches.</summary>
    private const string Exception = "  what():  ";

    /// <returns>Empty for an exit that was no crash.</returns>
    public static string Of(int exitCode, long committedStep, IReadOnlyList<string> lastLines)
    {
        if (!ExitDescription.IsCrash(exitCode))
        {
            return "";
        }

        var step = committedStep > 0 ? string.Create(CultureInfo.InvariantCulture, $" after step {committedStep}") : "";
        var function = lastLines.Select(line => EntryFrame().Match(line)).LastOrDefault(frame => frame.Success);
        var text = lastLines.LastOrDefault(line => line.StartsWith(Exception, StringComparison.Ordinal));
        return step
            + (function is null ? "" : $" in {function.Groups["name"].Value}")
            + (text is null ? "" : $": {text[Exception.Length..]}");
    }

    /// <summary>True for the frame of libtorch's stack trace in which C# has called the native library.</summary>
    public static bool IsEntryFrame(string line) => EntryFrame().IsMatch(line);

    [GeneratedRegex(@"^frame #\d+: (?<name>THS\w+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex EntryFrame();
}
