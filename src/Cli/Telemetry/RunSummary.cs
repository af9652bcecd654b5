using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace ClipTrain.Cli.Telemetry;

/// <summary>What came of a run: the content of summary.json. A figure's path is stable, as in <c>eval.heldout.image_to_text.r1</c>.</summary>
public sealed record RunSummary
{
    /// <summary>Name of the summary in a run's directory.</summary>
    public required string Name { get; init; }

    public required long Steps { get; init; }

    /// <summary>Pairs seen over all steps.</summary>
    public required long Samples { get; init; }

    /// <summary>Wall seconds of training.</summary>
    public required double Seconds { get; init; }

    /// <summary>Over all workers and the whole of <see cref="Seconds"/>.</summary>
    public required double ImagesPerSecond { get; init; }

    public required double FinalLoss { get; init; }

    /// <summary>Figures of evaluation by the name of the split.</summary>
    public JsonObject Eval { get; init; } = [];

    /// <summary>Adds the figures of a split: a record or dictionary, whose nested members become nested objects.</summary>
    public void AddEvaluation(string split, object figures) => Eval[split] = JsonSerializer.SerializeToNode(figures, TelemetryJson.OneLine);

    /// <summary>Writes the file aside and puts it in place whole.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string path)
    {
        var aside = path + ".tmp";
        using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            stream.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(this, TelemetryJson.Indented) + "\n"));
            stream.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
    }

    /// <summary>Prints the figures as tables.</summary>
    public void Render(IAnsiConsole console) => Render(console, JsonSerializer.SerializeToNode(this, TelemetryJson.Indented)!.AsObject());

    /// <summary>Prints the figures of a summary file as tables.</summary>
    /// <exception cref="InvalidDataException">The file is no summary.</exception>
    public static void Render(IAnsiConsole console, string path)
    {
        JsonObject? summary;
        try
        {
            summary = JsonNode.Parse(File.ReadAllText(path)) as JsonObject;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: this is no summary: {e.Message}", e);
        }

        Render(console, summary ?? throw new InvalidDataException($"{path}: this is no summary: it holds no object"));
    }

    private static void Render(IAnsiConsole console, JsonObject summary)
    {
        foreach (var table in SummaryTables.Draw(summary))
            console.Write(table);
    }
}
