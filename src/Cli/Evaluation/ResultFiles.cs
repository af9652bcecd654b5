using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Report;
using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Machine-readable result files of an evaluation.</summary>
public static class ResultFiles
{
    /// <summary>Metrics with confidence intervals.</summary>
    private static readonly string[] Resampled = ["mean_per_class", "macro_f1", "calibration_error"];

    private static readonly string[] Sizes = ["queries", "images", "classes", "concepts"];

    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string folder, IReadOnlyList<SplitFigures> splits) => ResultList.Write(folder, [.. splits.SelectMany(Rows)]);

    public static IEnumerable<ResultRow> Rows(SplitFigures split) =>
        Rows(split.Split, split.Task, JsonSerializer.SerializeToNode(split.Figures, TelemetryJson.OneLine)!.AsObject());

    private static IEnumerable<ResultRow> Rows(string set, string task, JsonObject figures)
    {
        foreach (var (metric, value) in figures)
        {
            if (value is JsonObject inner)
            {
                foreach (var row in Rows(set, $"{task} {metric}", inner))
                {
                    yield return row;
                }
            }
            else if (value is JsonValue && !Sizes.Contains(metric))
            {
                var ends = figures[$"{metric}_interval"] as JsonArray;
                yield return new ResultRow(
                    set,
                    task,
                    metric,
                    Number(value),
                    ends is null ? null : Number(ends[0]!),
                    ends is null ? null : Number(ends[1]!),
                    (figures["queries"] ?? figures["images"])!.GetValue<long>(),
                    Resampled.Contains(metric, StringComparer.Ordinal) ? Bootstrap.Seed : null
                );
            }
        }
    }

    private static double Number(JsonNode node) => JsonSerializer.Deserialize<double>(node, TelemetryJson.OneLine);
}
