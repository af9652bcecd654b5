using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Monitoring.Series;

namespace ClipTrain.Monitoring.Runs;

/// <summary>An event in a run's log.</summary>
/// <param name="Time">Time in the log.</param>
/// <param name="Kind">"generation", "checkpoint", "takeover", "evaluation", "alert", "warning", "error" or "note".</param>
/// <param name="Step">The step that the run had reached; null before the first.</param>
/// <param name="Text">The line.</param>
public sealed record RunEvent(DateTimeOffset Time, string Kind, long? Step, string Text);

/// <summary>The newest events of a run's log, even while it is being written.</summary>
internal sealed partial class RunEvents(string path)
{
    private const int Most = 500;

    private readonly TailedFile _file = new(path);
    private readonly Queue<RunEvent> _events = new();
    private long? _step;

    public IReadOnlyCollection<RunEvent> All => _events;

    /// <summary>Reads new lines of the log and returns the new events.</summary>
    public IReadOnlyList<RunEvent> Read()
    {
        var news = new List<RunEvent>();
        _file.Read(
            _events.Clear,
            (line, _) =>
            {
                if (Parse(Encoding.UTF8.GetString(line.Span)) is { } found)
                {
                    news.Add(found);
                }
            }
        );
        foreach (var found in news)
        {
            if (_events.Count == Most)
            {
                _events.Dequeue();
            }

            _events.Enqueue(found);
        }

        return news;
    }

    private RunEvent? Parse(string line)
    {
        if (
            LogLine().Match(line) is not { Success: true } match
            || !DateTimeOffset.TryParseExact(
                match.Groups["time"].Value,
                "yyyy-MM-dd HH:mm:ss.fff zzz",
                CultureInfo.InvariantCulture,
                DateTimeStyles.None,
                out var time
            )
        )
        {
            return null;
        }

        var text = match.Groups["text"].Value;
        if (StepLine().Match(text) is { Success: true } progress)
        {
            _step = long.Parse(progress.Groups["step"].Value, CultureInfo.InvariantCulture);
            return null;
        }

        var step = NamedStep().Match(text) is { Success: true } named
            ? long.Parse(named.Groups["step"].Value, CultureInfo.InvariantCulture)
            : _step;
        return new RunEvent(time, KindOf(match.Groups["level"].Value, text), step, PlainText.Line(text));
    }

    private static string KindOf(string level, string text) =>
        text.StartsWith("Alert: ", StringComparison.Ordinal) ? "alert"
        : text.Contains("taken over", StringComparison.Ordinal) || text.Contains("take over", StringComparison.Ordinal) ? "takeover"
        : level is "ERR" or "FTL" ? "error"
        : level == "WRN" ? "warning"
        : text.StartsWith("generation ", StringComparison.Ordinal) ? "generation"
        : text.StartsWith("Checkpoint ", StringComparison.Ordinal) ? "checkpoint"
        : text.Contains("evaluat", StringComparison.OrdinalIgnoreCase) ? "evaluation"
        : "note";

    [GeneratedRegex(
        @"^(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d) (?<level>[A-Z]{3}) (?<text>.*)$",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex LogLine();

    [GeneratedRegex(@"^step (?<step>\d{1,18})/\d", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex StepLine();

    [GeneratedRegex(@"\bstep (?<step>\d{1,18})\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamedStep();
}
