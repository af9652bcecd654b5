using ClipTrain.Cli.Telemetry;
using Spectre.Console;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class PlainOutputTests
{
    private const string Hostile = "a\u001b]0;owned\u0007\u009b2J\u202Eb.jpg",
        Harmless = "a\uFFFD]0;owned\uFFFD\uFFFD2J\uFFFDb.jpg";

    [Fact]
    public void Text_written_to_the_console_cannot_control_the_terminal()
    {
        using var output = new StringWriter();
        using var plain = new PlainOutput.PlainWriter(output);

        plain.WriteLine(Hostile);
        plain.Write(Hostile.AsSpan());
        plain.Write('\u001b');

        Assert.Equal($"{Harmless}{Environment.NewLine}{Harmless}\uFFFD", output.ToString());
    }

    [Fact]
    public void Names_in_tables_cannot_control_the_terminal_and_colours_stay()
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.Yes,
                ColorSystem = ColorSystemSupport.Standard,
                Out = new AnsiConsoleOutput(output),
            }
        );
        console.Profile.Width = 200;
        console.Pipeline.Attach(new PlainOutput.PlainSegments());

        console.Write(new Table().AddColumn("file").AddRow(new Text(Hostile)));
        console.MarkupLineInterpolated($"[red]{Hostile}[/]");

        Assert.Contains(Harmless, output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b]", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("\u001b[91m", output.ToString(), StringComparison.Ordinal);
    }
}
