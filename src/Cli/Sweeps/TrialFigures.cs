using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Metrics of a finished run, from its summary.</summary>
internal static class TrialFigures
{
    private const string IntervalSuffix = "_interval";

    /// <summary>
    /// Loss, seconds, images a second, joules where known, and each evaluation metric, such as heldout.image_to_text.r1, with the bounds of
    /// its interval; null if there is no summary yet.
    /// </summary>
    public static IReadOnlyDictionary<string, double>? Read(RunFiles run)
    {
        if (!File.Exists(run.Summary))
        {
            return null;
        }

        var summary = JsonNode.Parse(File.ReadAllText(run.Summary))!.AsObject();
        var figures = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["loss"] = Number(summary["final_loss"]),
            ["seconds"] = Number(summary["seconds"]),
            ["images_per_second"] = Number(summary["images_per_second"]),
        };
        if (summary["joules"] is { } joules)
        {
            figures["joules"] = Number(joules);
        }

        Add(figures, "", summary["eval"] as JsonObject);
        return figures;
    }

    private static void Add(Dictionary<string, double> figures, string prefix, JsonObject? values)
    {
        foreach (var (name, value) in values ?? [])
        {
            if (value is JsonObject inner)
            {
                Add(figures, $"{prefix}{name}.", inner);
            }
            else if (value is JsonArray { Count: 2 } ends && name.EndsWith(IntervalSuffix, StringComparison.Ordinal))
            {
                (figures[$"{prefix}{name[..^IntervalSuffix.Length]}_low"], figures[$"{prefix}{name[..^IntervalSuffix.Length]}_high"]) = (
                    Number(ends[0]),
                    Number(ends[1])
                );
            }
            else if (value is JsonValue)
            {
                figures[prefix + name] = Number(value);
            }
        }
    }

    private static double Number(JsonNode? node) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? value.GetValue<double>() : double.NaN;
}
