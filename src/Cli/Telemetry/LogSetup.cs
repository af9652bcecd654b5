using System.Globalization;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Makes the program's logger.</summary>
public static class LogSetup
{
    /// <summary>Name of the log in a run's directory.</summary>
    /// <param name="console">Where lines are shown. Progress has to use the same console, so that its panel and log lines do not overwrite each other.</param>
    /// <param name="logFile">A file that lines are appended to as well; its folder is made. None for commands without a run.</param>
    public static Logger Create(IAnsiConsole console, string? logFile = null, LogEventLevel level = LogEventLevel.Information)
    {
        var configuration = new LoggerConfiguration()
            .MinimumLevel.Is(level)
            .WriteTo.Sink(new ConsoleSink(console, new LogFormatter("{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}")));
        if (logFile is not null)
        {
            configuration.WriteTo.File(
                new LogFormatter("{Timestamp:yyyy-MM-dd HH:mm:ss.fff zzz} {Level:u3} {Message:lj}{NewLine}{Exception}"),
                logFile,
                fileSizeLimitBytes: null
            );
        }

        return configuration.CreateLogger();
    }
}

/// <summary>Formats log events as lines. Names in a corpus and texts of workers may hold anything: control characters do not reach a terminal, a line break does not make what follows look like an event of its own, and length is bounded.</summary>
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
