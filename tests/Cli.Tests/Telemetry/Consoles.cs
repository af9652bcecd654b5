using ClipTrain.Cli.Telemetry;
using Spectre.Console;

namespace ClipTrain.Cli.Tests.Telemetry;

internal static class Consoles
{
    /// <summary>A console as a pipe or a file is one.</summary>
    public static IAnsiConsole Plain(TextWriter writer) =>
        AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.No,
                Interactive = InteractionSupport.No,
                Out = new Output(writer, isTerminal: false),
            }
        );

    /// <summary>A console as a terminal of 120 columns is one.</summary>
    public static IAnsiConsole Terminal(TextWriter writer) =>
        AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.Yes,
                ColorSystem = ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.Yes,
                Out = new Output(writer, isTerminal: true),
            }
        );

    private sealed class Output(TextWriter writer, bool isTerminal) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => isTerminal;

        public int Width => 120;

        public int Height => 40;

        public void SetEncoding(System.Text.Encoding encoding) { }
    }
}
