using Serilog;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Chooses how progress is shown.</summary>
public static class TrainingProgress
{
    /// <summary>A panel that is redrawn in place on a terminal, plain log lines anywhere else.</summary>
    public static IProgressView Create(IAnsiConsole console, ILogger logger, TimeProvider time) =>
        IsLive(console) ? new LiveProgress(console, logger, time) : new LogProgress(logger, time);

    /// <summary>Whether a person watches: the output is a terminal that can move its cursor.</summary>
    internal static bool IsLive(IAnsiConsole console) =>
        console.Profile.Out.IsTerminal && console.Profile.Capabilities is { Ansi: true, Interactive: true };
}
