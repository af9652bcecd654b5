using System.Globalization;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Log sink for a console: coloured lines above the live panel on a terminal, otherwise plain unwrapped lines.</summary>
internal sealed class ConsoleSink(IAnsiConsole console, ITextFormatter formatter) : ILogEventSink
{
    public void Emit(LogEvent logEvent)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        formatter.Format(logEvent, text);
        lock (TrainingProgress.Terminal)
        {
            if (TrainingProgress.IsLive(console))
            {
                console.Write(new LogLine(new Text(text.ToString(), StyleOf(logEvent.Level))));
            }
            else
            {
                console.Profile.Out.Writer.Write(text.ToString());
                console.Profile.Out.Writer.Flush();
            }
        }
    }

    private static Style StyleOf(LogEventLevel level) =>
        level switch
        {
            >= LogEventLevel.Error => new Style(Color.Red),
            LogEventLevel.Warning => new Style(Color.Yellow),
            LogEventLevel.Information => Style.Plain,
            _ => new Style(Color.Grey),
        };

    /// <summary>Text that clears everything below it first, so that it replaces a live panel, which then redraws itself.</summary>
    private sealed class LogLine(IRenderable text) : IRenderable
    {
        private const string EraseBelow = "\u001b[0J";

        public Measurement Measure(RenderOptions options, int maxWidth) => text.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            [Segment.Control(EraseBelow), .. text.Render(options, maxWidth)];
    }
}
