using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Trainer.Telemetry;
using CsvHelper;

namespace ClipTrain.Trainer.Evaluation;

/// <summary>One figure of an evaluation, as a row of results.json and results.csv.</summary>
/// <param name="Set">The split.</param>
/// <param name="Task">What was done: zero_shot, classification, or retrieval with its direction.</param>
/// <param name="Metric">The figure's name, as in summary.json.</param>
/// <param name="Value">The figure.</param>
/// <param name="Low">Lower end of its 95% interval; null for a figure without one.</param>
/// <param name="High">Upper end.</param>
/// <param name="N">How many images or queries it is of.</param>
public sealed record ResultRow(string Set, string Task, string Metric, double Value, double? Low, double? High, long N);

/// <summary>The figures of an evaluation as lists for other programs.</summary>
public static class ResultFiles
{
    private static readonly string[] Sizes = ["queries", "images", "classes", "concepts"];

    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string folder, string model, IReadOnlyList<SplitFigures> splits)
    {
        var rows = splits.SelectMany(Rows).ToList();
        Directory.CreateDirectory(folder);
        var document = new JsonObject { ["model"] = model, ["results"] = JsonSerializer.SerializeToNode(rows, TelemetryJson.Indented) };
        File.WriteAllText(Path.Combine(folder, "results.json"), document.ToJsonString(TelemetryJson.Indented) + "\n");
        using var csv = CsvWriter.ToFile(Path.Combine(folder, "results.csv"), new CsvWriterOptions { NewLine = "\n" });
        string[] columns = ["set", "task", "metric", "value", "low", "high", "n"];
        Write(columns);
        foreach (var row in rows)
            Write([row.Set, row.Task, row.Metric, Text(row.Value), Text(row.Low), Text(row.High), Text(row.N)]);

        void Write(IEnumerable<string> fields)
        {
            foreach (var field in fields)
                csv.WriteField(field);
            csv.EndRecord();
        }

        static string Text(IFormattable? number) => number?.ToString(format: null, CultureInfo.InvariantCulture) ?? "";
    }

    public static IEnumerable<ResultRow> Rows(SplitFigures split) =>
        Rows(split.Split, split.Task, JsonSerializer.SerializeToNode(split.Figures, TelemetryJson.OneLine)!.AsObject());

    private static IEnumerable<ResultRow> Rows(string set, string task, JsonObject figures)
    {
        foreach (var (metric, value) in figures)
        {
            if (value is JsonObject inner)
            {
                foreach (var row in Rows(set, $"{task} {metric}", inner))
                    yield return row;
            }
            else if (value is JsonValue && !Sizes.Contains(metric))
            {
                var ends = figures[$"{metric}_interval"] as JsonArray;
                yield return new ResultRow(set, task, metric, Number(value), ends is null ? null : Number(ends[0]!), ends is null ? null : Number(ends[1]!), (figures["queries"] ?? figures["images"])!.GetValue<long>());
            }
        }
    }

    private static double Number(JsonNode node) => JsonSerializer.Deserialize<double>(node, TelemetryJson.OneLine);
}
