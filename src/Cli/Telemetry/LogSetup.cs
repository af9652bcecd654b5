using Serilog;
using Serilog.Core;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Makes the program's logger.</summary>
public static class LogSetup
{
    /// <summary>Name of the log in a run's directory.</summary>
    /// <param name="console">Where lines are shown. Progress has to use the same console, so that its panel and log lines do not
    /// overwrite each other.</param>
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
