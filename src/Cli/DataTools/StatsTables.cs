using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Inspection;
using Spectre.Console;

namespace ClipTrain.Cli.DataTools;

/// <summary>Terminal tables of corpus statistics.</summary>
internal static class StatsTables
{
    public static IEnumerable<Table> Draw(StatsReport report)
    {
        var s = report.Statistics;
        var values = Table("", "least", "5%", "median", "95%", "most");
        foreach (
            var (name, distribution) in new (string, Distribution)[]
            {
                ("width", s.Width),
                ("height", s.Height),
                ("aspect", s.Aspect),
                ("image bytes", s.Bytes),
                ("caption characters", s.Characters),
                ("caption tokens", s.Tokens),
            }
        )
        {
            values.AddRow([
                name,
                .. new[] { 0, 0.05, 0.5, 0.95, 1 }.Select(share =>
                    distribution.Count == 0 ? "" : Readable.Number(distribution.Quantile(share))
                ),
            ]);
        }

        yield return values;

        var counts = Table("", "rows", "share");
        foreach (
            var (name, count) in new (string, long)[]
            {
                ("inspected", s.Rows),
                ("no image", s.MissingImages),
                ("unreadable image", s.UnreadableImages),
                ("no caption", s.MissingCaptions),
                ($"caption over {report.Context - 2} tokens", s.TruncatedCaptions),
                ("repeated image", report.RepeatedImages),
                ("repeated caption", report.RepeatedCaptions),
            }
                .Concat(s.Formats.Select(format => (format.Key.ToString(), format.Value)))
                .Concat(s.Scripts.Select(script => ($"script: {script.Key}", script.Value)))
        )
        {
            counts.AddRow(name, Readable.Count(count), Readable.Percent(report.Share(count)));
        }

        yield return counts;
    }

    private static Table Table(params string[] columns)
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (var (i, column) in columns.Index())
        {
            table.AddColumn(i == 0 ? new TableColumn(column) : new TableColumn(column).RightAligned());
        }

        return table;
    }
}
