using System.Text.Json;
using System.Text.Json.Serialization;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>How far a trial is.</summary>
public enum TrialState
{
    /// <summary>Not begun.</summary>
    Missing,

    /// <summary>Begun, and not ended: running, or interrupted where nobody runs it.</summary>
    Begun,

    /// <summary>Ended with results.</summary>
    Done,

    /// <summary>Its loss was not finite any more: a result too.</summary>
    Diverged,

    /// <summary>Ended without results as often as it may be tried.</summary>
    Failed,
}

/// <summary>What a sweep keeps of a trial, beside the trial's own run folder.</summary>
public sealed record TrialRecord
{
    public required string Id { get; init; }

    public required TrialState State { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>How often a process was started for it.</summary>
    public int Attempts { get; init; }

    /// <summary>Cores times seconds that it held.</summary>
    public double CoreSeconds { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>Why it diverged or failed.</summary>
    public string? Reason { get; init; }

    /// <summary>Figures by name: loss, seconds, and those of each evaluation split.</summary>
    public IReadOnlyDictionary<string, double> Figures { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    [JsonIgnore]
    public bool IsSettled => State is TrialState.Done or TrialState.Diverged;
}

/// <summary>The files of a sweep: a record a trial, each replaced whole, so that no crash leaves half of one.</summary>
public sealed class SweepFolder(string path)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public string Path => path;

    /// <summary>Folder of the trials' runs.</summary>
    public string Trials => System.IO.Path.Combine(path, "trials");

    /// <summary>Configuration of a trial that is to begin.</summary>
    public string Config(string id) => System.IO.Path.Combine(path, "configs", $"{id}.yaml");

    /// <summary>What a trial's processes printed.</summary>
    public string Log(string id) => System.IO.Path.Combine(path, "logs", $"{id}.log");

    public string Results => System.IO.Path.Combine(path, "results.csv");

    /// <summary>Files of predictions: predictions.json, predictions-2.json and so on, one each time that trials were predicted.</summary>
    public IReadOnlyList<string> PredictionFiles() => Directory.Exists(path) ? Directory.GetFiles(path, "predictions*.json") : [];

    public string NextPredictions() =>
        System.IO.Path.Combine(path, PredictionFiles().Count == 0 ? "predictions.json" : $"predictions-{PredictionFiles().Count + 1}.json");

    /// <summary>Names the sweep's file, for commands that get the sweep's name alone.</summary>
    public string Source => System.IO.Path.Combine(path, "sweep");

    /// <summary>Held by the process that runs the sweep.</summary>
    public string Lock => System.IO.Path.Combine(path, "sweep.lock");

    /// <summary>The record of a trial; one that says missing where there is none, or none that can be read.</summary>
    public TrialRecord Read(string id)
    {
        try
        {
            return JsonSerializer.Deserialize<TrialRecord>(File.ReadAllText(Record(id)), Json) ?? Missing(id);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return Missing(id);
        }
    }

    public void Write(TrialRecord record) => WriteWhole(Record(record.Id), JsonSerializer.Serialize(record, Json) + "\n");

    /// <summary>Writes a file aside and puts it in its place.</summary>
    public static void WriteWhole(string file, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        var aside = $"{file}.{Environment.ProcessId}.tmp";
        using (var stream = new StreamWriter(aside))
        {
            stream.Write(text);
            stream.Flush();
            ((FileStream)stream.BaseStream).Flush(flushToDisk: true);
        }

        File.Move(aside, file, overwrite: true);
    }

    private static TrialRecord Missing(string id) => new() { Id = id, State = TrialState.Missing };

    private string Record(string id) => System.IO.Path.Combine(path, "records", $"{id}.json");
}
