using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Formats log events as lines. Names in a corpus and texts of workers may hold anything: control characters do not reach a
/// terminal, a line break does not make what follows look like an event of its own, and length is bounded.
/// </summary>
internal sealed class LogFormatter(string template) : ITextFormatter
{
    private const int MaxLength = 16_384;

    private readonly MessageTemplateTextFormatter _inner = new(template, CultureInfo.InvariantCulture);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        _inner.Format(logEvent, text);
        output.Write(Clean(text.ToString()));
    }

    private static string Clean(string text)
    {
        var lines = PlainOutput.Of(text.TrimEnd('\r', '\n')).ReplaceLineEndings("\n");
        if (lines.Length > MaxLength)
            lines = lines[..MaxLength] + "…";
        return string.Join('\n', lines.Split('\n').Select((line, number) => number == 0 || line.StartsWith(' ') ? line : "  " + line))
            + Environment.NewLine;
    }
}
