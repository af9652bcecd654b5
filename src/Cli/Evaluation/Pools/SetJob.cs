using System.Text.Json;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Suites;

namespace ClipTrain.Cli.Evaluation.Pools;

/// <summary>The processes that embed a set.</summary>
/// <param name="Workers">Their number, and that of the cores or GPUs that they have.</param>
/// <param name="Device">cpu or cuda.</param>
internal sealed record SetEncoding(int Workers, string Device)
{
    public bool OnGpus => Device != "cpu";
}

/// <summary>The evaluation of one set, as a file that a pool can name to a node. Its result and its log are files beside it.</summary>
/// <param name="Model">Full path of the model.</param>
/// <param name="Architecture">Architecture of a bare weights file; null for others.</param>
/// <param name="Weights">Hash of the model's weights: the newest checkpoint of a run may change meanwhile.</param>
/// <param name="Suite">The suite with only this set, and no analyses.</param>
/// <param name="Tasks">The tasks to run; null for all.</param>
/// <param name="Encoding">The processes that embed.</param>
internal sealed record SetJob(
    string Model,
    string? Architecture,
    string Weights,
    SuiteOptions Suite,
    IReadOnlyList<SetTask>? Tasks,
    SetEncoding Encoding
)
{
    /// <summary>The subcommand of eval that runs a job.</summary>
    public const string Command = "set";

    private const string Extension = ".job";

    /// <summary>The job of a set in a folder.</summary>
    public static string FileOf(string folder, int set) => Path.Combine(folder, $"set-{set}{Extension}");

    /// <summary>True if a path is a job's.</summary>
    public static bool IsAt(string path) => Path.GetExtension(path) == Extension;

    /// <summary>Results of a job.</summary>
    public static string ResultOf(string job) => Path.ChangeExtension(job, ".json");

    /// <summary>Output of a job's processes.</summary>
    public static string LogOf(string job) => Path.ChangeExtension(job, ".log");

    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is not a job.</exception>
    public static SetJob Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<SetJob>(File.ReadAllText(path), TelemetryJson.OneLine)!;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not the job of a set: {error.Message}", error);
        }
    }

    public void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, TelemetryJson.OneLine));
}
