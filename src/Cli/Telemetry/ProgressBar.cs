using Spectre.Console;
using Spectre.Console.Rendering;

namespace ClipTrain.Cli.Telemetry;

/// <summary>A bar as wide as there is room, which can be read without colours too.</summary>
internal sealed class ProgressBar(double share) : IRenderable
{
    private const int MinWidth = 10;

    public Measurement Measure(RenderOptions options, int maxWidth) => new(Math.Min(MinWidth, maxWidth), maxWidth);

    public IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        var done = (int)(Math.Clamp(share, 0, 1) * maxWidth);
        var (full, empty) = options.Unicode ? ('█', '░') : ('#', '-');
        yield return new Segment(new string(full, done), new Style(Color.Green));
        yield return new Segment(new string(empty, maxWidth - done), new Style(Color.Grey));
    }
}
