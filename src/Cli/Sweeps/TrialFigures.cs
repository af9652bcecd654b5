using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Metrics of a finished run, from its summary.</summary>
internal static class TrialFigures
{
    private const string IntervalSuffix = "_interval",
        Joules = "joules";

    private static readonly string[] s_ofTraining = [Sweep.TrainingLoss, "seconds", "images_per_second"],
        s_bounds = ["", "_low", "_high"];

    /// <summary>The figures that a run will have, without the bounds of intervals.</summary>
    public static IReadOnlyList<string> Of(RunOptions run) =>
        [.. s_ofTraining, Joules, .. EvaluationCheck.OfSplits(run.Evaluation).Select(row => FigureName.Of(row.Set, row.Task, row.Metric))];

    /// <summary>True if one of the figures, or a bound of its interval, has this name.</summary>
    public static bool Has(IEnumerable<string> figures, string name) =>
        figures.Any(figure => s_bounds.Any(bound => name == figure + bound));

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
            [Sweep.TrainingLoss] = Number(summary["final_loss"]),
            ["seconds"] = Number(summary["seconds"]),
            ["images_per_second"] = Number(summary["images_per_second"]),
        };
        if (summary[Joules] is { } joules)
        {
            figures[Joules] = Number(joules);
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
