using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Storage;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Content of summary.json: the results of a run. Paths of metrics are stable, for example
/// <c>eval.heldout.image_to_text.r1</c>.
/// </summary>
public sealed record RunSummary
{
    /// <summary>Name of the run.</summary>
    public required string Name { get; init; }

    public required long Steps { get; init; }

    /// <summary>Pairs seen in all steps.</summary>
    public required long Samples { get; init; }

    /// <summary>Wall-clock training time in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>Energy that the hosts' processor packages used while they hosted the run; null where unknown.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Joules { get; init; }

    /// <summary>Mean rate over all workers and <see cref="Seconds"/>.</summary>
    public required double ImagesPerSecond { get; init; }

    public required double FinalLoss { get; init; }

    /// <summary>Evaluation metrics by split name.</summary>
    public JsonObject Eval { get; init; } = [];

    /// <summary>Adds the metrics of a split: a record or dictionary; nested members become nested objects.</summary>
    public void AddEvaluation(string split, object figures) => Eval[split] = JsonSerializer.SerializeToNode(figures, TelemetryJson.OneLine);

    /// <summary>Writes the file atomically.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string path) => WholeFile.Write(path, JsonSerializer.Serialize(this, TelemetryJson.Indented) + "\n");

    /// <summary>Prints the metrics as tables.</summary>
    public void Render(IAnsiConsole console) => Render(console, JsonSerializer.SerializeToNode(this, TelemetryJson.Indented)!.AsObject());

    /// <summary>Prints the metrics of a summary file as tables.</summary>
    /// <exception cref="InvalidDataException">The file is not a summary.</exception>
    public static void Render(IAnsiConsole console, string path)
    {
        JsonObject? summary;
        try
        {
            summary = JsonNode.Parse(File.ReadAllText(path)) as JsonObject;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: not a summary: {e.Message}", e);
        }

        Render(console, summary ?? throw new InvalidDataException($"{path}: not a summary: not a JSON object"));
    }

    private static void Render(IAnsiConsole console, JsonObject summary)
    {
        foreach (var table in SummaryTables.Draw(summary))
        {
            console.Write(table);
        }
    }
}
