using Spectre.Console;
using Spectre.Console.Rendering;

namespace ClipTrain.Cli.Telemetry;

/// <summary>Panel with a run's current metrics.</summary>
internal static class ProgressPanel
{
    public static IRenderable Draw(ProgressFigures figures)
    {
        var bar = new ProgressBar(figures.Share);
        return new Panel(figures.Last is null ? bar : new Rows(bar, Table(figures)))
        {
            Header = new PanelHeader(Title(figures)),
            Border = BoxBorder.Rounded,
            Expand = true,
        };
    }

    private static string Title(ProgressFigures figures)
    {
        var eta = figures.Remaining is { } remaining ? $", {Readable.Duration(remaining)} left" : "";
        return $" step {Readable.Count(figures.Step)} of {Readable.Count(figures.TotalSteps)}, {Readable.Percent(figures.Share)}{eta} ";
    }

    private static Grid Table(ProgressFigures figures)
    {
        var last = figures.Last!;
        (string Name, string Value)[] values =
        [
            ("loss", Readable.Number(last.Loss)),
            ("images/s", Readable.Number(figures.ImagesPerSecond)),
            ("data wait", Readable.Percent(last.DataWaitShare)),
            .. last.LogitScale is { } scale ? [("logit scale", Readable.Number(scale))] : Array.Empty<(string, string)>(),
            ("gradient norm", Readable.Number(last.GradientNorm)),
            ("learning rate", Readable.Number(last.LearningRate)),
            .. last.LossScale is { } lossScale
                ? [("loss scale", Readable.Number(lossScale)), ("skipped", Readable.Count(last.SkippedSteps ?? 0))]
                : Array.Empty<(string, string)>(),
            ("bad samples", Readable.Count(last.BadSamples)),
        ];
        var grid = new Grid();
        foreach (var _ in values)
        {
            grid.AddColumn(new GridColumn { NoWrap = true });
        }

        grid.AddRow([.. values.Select(v => new Text(v.Name, new Style(Color.Grey)))]);
        grid.AddRow([.. values.Select(v => new Text(v.Value, new Style(decoration: Decoration.Bold)))]);
        return grid;
    }
}

/// <summary>Progress bar that fills the available width and is readable without colours.</summary>
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
