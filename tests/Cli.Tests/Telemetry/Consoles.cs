using Spectre.Console;

namespace ClipTrain.Cli.Tests.Telemetry;

internal static class Consoles
{
    /// <summary>Console that behaves like a pipe or a file.</summary>
    public static IAnsiConsole Plain(TextWriter writer) =>
        AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.No,
                Interactive = InteractionSupport.No,
                Out = new Output(writer, isTerminal: false),
            }
        );

    /// <summary>Console that behaves like a terminal of 120 columns.</summary>
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
