using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace ClipTrain.Trainer.Telemetry;

/// <summary>Formats log events as lines. Control characters, which names in a corpus may hold, do not reach a terminal.</summary>
internal sealed class LogFormatter(string template) : ITextFormatter
{
    private readonly MessageTemplateTextFormatter _inner = new(template, CultureInfo.InvariantCulture);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        _inner.Format(logEvent, text);
        output.Write(string.Concat(text.ToString().Select(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t') ? '\uFFFD' : c)));
    }
}
