using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>State of a trial.</summary>
public enum TrialState
{
    /// <summary>Not started.</summary>
    Missing,

    /// <summary>Started but not ended: running or interrupted.</summary>
    Begun,

    /// <summary>Ended with results.</summary>
    Done,

    /// <summary>Ended with a non-finite loss, which is a result too.</summary>
    Diverged,

    /// <summary>Failed, with no retries left.</summary>
    Failed,
}

/// <summary>A sweep's record of a trial, in addition to the trial's run folder.</summary>
public sealed record TrialRecord
{
    public required string Id { get; init; }

    public required TrialState State { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Number of started processes.</summary>
    public int Attempts { get; init; }

    /// <summary>Core seconds used.</summary>
    public double CoreSeconds { get; init; }

    /// <summary>The part of the two that the newest experiment on a pool has used; null if it ran on none.</summary>
    public PoolUse? Pool { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>Reason why it diverged or failed.</summary>
    public string? Reason { get; init; }

    /// <summary>Figures by name: loss, seconds, and those of each evaluation split.</summary>
    public IReadOnlyDictionary<string, double> Figures { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    [JsonIgnore]
    public bool IsSettled => State is TrialState.Done or TrialState.Diverged;
}

/// <summary>What a trial has used in an experiment on a pool.</summary>
/// <param name="Experiment">Name of the experiment.</param>
/// <param name="Attempts">Number of started processes.</param>
/// <param name="CoreSeconds">Core seconds used.</param>
public sealed record PoolUse(string Experiment, int Attempts, double CoreSeconds);

/// <summary>The files of a sweep: one record per trial, each replaced atomically.</summary>
public sealed class SweepFolder(string path)
{
    /// <summary>Folder of the sweeps that name no other.</summary>
    public const string Usual = "sweeps";

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

    /// <summary>Table of the figures that a trial's run has measured by step.</summary>
    public string Evaluation(string id) => System.IO.Path.Combine(Trials, id, "evaluation.csv");

    /// <summary>Configuration file of a trial.</summary>
    public string Config(string id) => System.IO.Path.Combine(path, "configs", $"{id}.yaml");

    /// <summary>Writes the configuration file of a trial.</summary>
    public void WriteConfig(Trial trial) => WholeFile.Write(Config(trial.Id), trial.Resolved.Config);

    /// <summary>The sweep's folder, given the configuration file of a trial.</summary>
    public static SweepFolder OfConfig(string file) => new(System.IO.Path.GetFullPath(System.IO.Path.Combine(file, "..", "..")));

    /// <summary>Log file with the output of a trial's processes.</summary>
    public string Log(string id) => System.IO.Path.Combine(path, "logs", $"{id}.log");

    public string Results => System.IO.Path.Combine(path, "results.csv");

    /// <summary>Files of predictions: predictions.json, predictions-2.json and so on.</summary>
    public IReadOnlyList<string> PredictionFiles() => Directory.Exists(path) ? Directory.GetFiles(path, "predictions*.json") : [];

    public string NextPredictions() =>
        System.IO.Path.Combine(path, PredictionFiles().Count == 0 ? "predictions.json" : $"predictions-{PredictionFiles().Count + 1}.json");

    /// <summary>File with the path of the sweep file, for commands that take the sweep's name.</summary>
    public string Source => System.IO.Path.Combine(path, "sweep");

    /// <summary>File with the name under which a pool runs the sweep, and the id of the pool's cluster on the next line.</summary>
    public string Experiment => System.IO.Path.Combine(path, "experiment");

    /// <summary>Lock file of the process that runs the sweep.</summary>
    public string Lock => System.IO.Path.Combine(path, "sweep.lock");

    /// <summary>Reads the record of a trial; Missing if there is no readable record.</summary>
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

    public void Write(TrialRecord record) => WholeFile.Write(Record(record.Id), JsonSerializer.Serialize(record, Json) + "\n");

    private static TrialRecord Missing(string id) => new() { Id = id, State = TrialState.Missing };

    private string Record(string id) => System.IO.Path.Combine(path, "records", $"{id}.json");
}
