using System.Text;
using ClipTrain.Coordinator.Protocol;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Sanitiser of the program's output, which contains names from files and other machines. Replaces escape sequences and
/// bidirectional controls with �, so that none of them can control the terminal.
/// </summary>
internal static class PlainOutput
{
    /// <summary>Sanitises all further output of this process, except the control sequences of Spectre.Console itself.</summary>
    public static void Install()
    {
        // Spectre.Console wraps the original writer, so capture it before replacing the console's.
        AnsiConsole.Console.Pipeline.Attach(new PlainSegments());
        Console.SetOut(TextWriter.Synchronized(new PlainWriter(Console.Out)));
        Console.SetError(TextWriter.Synchronized(new PlainWriter(Console.Error)));
    }

    /// <summary>Replaces control characters in a text; keeps line breaks and tabs.</summary>
    public static string Of(string text) => text.Any(IsHarmful) ? string.Concat(text.Select(Of)) : text;

    private static char Of(char c) => IsHarmful(c) ? '\uFFFD' : c;

    private static bool IsHarmful(char c) => c is not ('\n' or '\r' or '\t') && PlainText.IsControl(c);

    /// <summary>Sanitises text written with Console.</summary>
    internal sealed class PlainWriter(TextWriter output) : TextWriter
    {
        public override Encoding Encoding => output.Encoding;

        public override void Write(char value) => output.Write(Of(value));

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Write(new string(buffer));

        public override void Write(string? value) => output.Write(Of(value ?? ""));

        public override void WriteLine(string? value) => output.WriteLine(Of(value ?? ""));

        public override void Flush() => output.Flush();
    }

    /// <summary>Sanitises text drawn by Spectre.Console, but not its own control sequences.</summary>
    internal sealed class PlainSegments : IRenderHook
    {
        public IEnumerable<IRenderable> Process(RenderOptions options, IEnumerable<IRenderable> renderables) =>
            renderables.Select(renderable => new Cleaned(renderable));

        private sealed class Cleaned(IRenderable inner) : IRenderable
        {
            public Measurement Measure(RenderOptions options, int maxWidth) => inner.Measure(options, maxWidth);

            public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
                inner
                    .Render(options, maxWidth)
                    .Select(segment =>
                        segment.IsControlCode || segment.IsLineBreak ? segment : new Segment(Of(segment.Text), segment.Style)
                    );
        }
    }
}
