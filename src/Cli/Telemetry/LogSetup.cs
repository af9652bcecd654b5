using System.Globalization;
using System.Text;
using ClipTrain.Coordinator.Storage;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Display;
using Serilog.Sinks.File;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Factory of the program's logger.</summary>
public static class LogSetup
{
    private static readonly AppendHook s_appended = new();

    /// <summary>Creates a logger that writes to a console and, for a run, to a file.</summary>
    /// <param name="console">Console for the log lines. The progress display must use the same one, so that its panel
    /// and log lines do not overwrite each other.</param>
    /// <param name="logFile">File to append to as well; its folder is created. Null for commands without a run.</param>
    /// <param name="jsonFile">File to append to as JSON lines as well; null for none.</param>
    public static Logger Create(
        IAnsiConsole console,
        string? logFile = null,
        LogEventLevel level = LogEventLevel.Information,
        string? jsonFile = null
    )
    {
        var configuration = new LoggerConfiguration()
            .MinimumLevel.Is(level)
            .WriteTo.Sink(new ConsoleSink(console, new LogFormatter("{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}")));
        if (logFile is not null)
        {
            configuration.WriteTo.File(
                new LogFormatter("{Timestamp:yyyy-MM-dd HH:mm:ss.fff zzz} {Level:u3} {Message:lj}{NewLine}{Exception}"),
                logFile,
                fileSizeLimitBytes: null,
                hooks: s_appended
            );
        }

        if (jsonFile is not null)
        {
            configuration.WriteTo.File(new RenderedCompactJsonFormatter(), jsonFile, fileSizeLimitBytes: null, hooks: s_appended);
        }

        return configuration.CreateLogger();
    }

    /// <summary>A run's standby has the log open while its coordinator writes, and goes on after it in a takeover.</summary>
    private sealed class AppendHook : FileLifecycleHooks
    {
        public override Stream OnFileOpened(string path, Stream underlyingStream, Encoding encoding)
        {
            underlyingStream.Dispose();
            return SharedLogFile.Open(path);
        }
    }
}

/// <summary>
/// Formatter of log events. Names in a corpus and output of workers are untrusted: it escapes control characters, keeps
/// line breaks from forging events, and bounds the length.
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
        {
            lines = lines[..MaxLength] + "…";
        }

        return string.Join('\n', lines.Split('\n').Select((line, number) => number == 0 || line.StartsWith(' ') ? line : "  " + line))
            + Environment.NewLine;
    }
}
