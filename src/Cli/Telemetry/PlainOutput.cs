using System.Text;
using ClipTrain.Coordinator.Protocol;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ClipTrain.Cli.Telemetry;

/// <summary>What the program prints holds names from files and from other machines. None of their characters may command the terminal: escape sequences and what reorders text are shown as �.</summary>
internal static class PlainOutput
{
    /// <summary>From here on all that this process prints is plain, but for what Spectre.Console itself draws.</summary>
    public static void Install()
    {
        // Its output is the console's own, so it must have that before the console is replaced.
        AnsiConsole.Console.Pipeline.Attach(new PlainSegments());
        Console.SetOut(TextWriter.Synchronized(new PlainWriter(Console.Out)));
        Console.SetError(TextWriter.Synchronized(new PlainWriter(Console.Error)));
    }

    /// <summary>A text that stays as it is but for characters that a terminal obeys; line breaks and tabs stay.</summary>
    public static string Of(string text) => text.Any(IsHarmful) ? string.Concat(text.Select(Of)) : text;

    private static char Of(char c) => IsHarmful(c) ? '\uFFFD' : c;

    private static bool IsHarmful(char c) => c is not ('\n' or '\r' or '\t') && PlainText.IsControl(c);

    /// <summary>Cleans what is written with Console.</summary>
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

    /// <summary>Cleans what Spectre.Console draws, without its own commands.</summary>
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
