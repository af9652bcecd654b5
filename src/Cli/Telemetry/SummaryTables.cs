using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Tables of a summary's JSON: one for the run's own metrics, and one for each kind of evaluation, with a row per
/// result.
/// </summary>
internal static class SummaryTables
{
    public static IEnumerable<Table> Draw(JsonObject summary)
    {
        var run = new Table { Border = TableBorder.Rounded };
        run.AddColumn("run").AddColumn(new TableColumn("").RightAligned());
        foreach (var (name, value) in Figures(summary))
        {
            run.AddRow(new Text(name.Replace('_', ' ')), new Text(Show(value)));
        }

        yield return run;

        if (summary["eval"] is JsonObject { Count: > 0 } evaluation)
        {
            // Retrieval, zero-shot and split sizes have different metrics, so separate tables stay narrow.
            foreach (
                var kind in Rows(evaluation, "")
                    .GroupBy(row => string.Join(' ', Figures(row.Figures).Select(figure => figure.Key)), StringComparer.Ordinal)
            )
            {
                yield return Evaluation([.. kind]);
            }
        }
    }

    private static Table Evaluation(List<(string Path, JsonObject Figures)> rows)
    {
        var columns = rows.SelectMany(row => Figures(row.Figures)).Select(figure => figure.Key).Distinct(StringComparer.Ordinal).ToList();
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("evaluation");
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(Markup.Escape(column.Replace('_', ' '))).RightAligned());
        }

        foreach (var (path, figures) in rows)
        {
            table.AddRow([
                new Text(path),
                .. columns.Select(column => new Text(Show(figures[column] as JsonValue) + Interval(figures[$"{column}_interval"]))),
            ]);
        }

        return table;
    }

    private static IEnumerable<(string Path, JsonObject Figures)> Rows(JsonObject node, string path)
    {
        if (Figures(node).Any())
        {
            yield return (path, node);
        }

        foreach (var (name, child) in node)
        {
            if (child is not JsonObject inner)
            {
                continue;
            }

            foreach (var row in Rows(inner, path.Length == 0 ? name : $"{path} {name.Replace('_', ' ')}"))
            {
                yield return row;
            }
        }
    }

    private static IEnumerable<KeyValuePair<string, JsonValue>> Figures(JsonObject node) =>
        node.Where(member => member.Value is JsonValue).Select(member => KeyValuePair.Create(member.Key, (JsonValue)member.Value!));

    /// <summary>Second line with the bounds of a metric's interval, if it has one.</summary>
    private static string Interval(JsonNode? interval) =>
        interval is JsonArray { Count: 2 } ends ? $"\n{Show(ends[0] as JsonValue)}–{Show(ends[1] as JsonValue)}" : "";

    private static string Show(JsonValue? value) =>
        value switch
        {
            null => "",
            _ when value.GetValueKind() != JsonValueKind.Number => value.ToString(),
            _ when value.TryGetValue<long>(out var whole) => Readable.Count(whole),
            _ => Readable.Number(value.GetValue<double>()),
        };
}
