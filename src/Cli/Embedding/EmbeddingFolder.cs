using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Storage;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Embedding;

/// <summary>Report of one part.</summary>
/// <param name="Embedded">Pairs in the part's file.</param>
/// <param name="Bad">Unusable pairs, in corpus order.</param>
public sealed record PartReport(long Embedded, IReadOnlyList<BadSample> Bad);

/// <summary>
/// Folder of embeddings: <c>embed.json</c>, <c>part-000000.parquet</c> and so on in corpus order, each with a
/// <c>.json</c> <see cref="PartReport"/>, and <c>report.json</c>. Files are written to a temporary name and renamed, a
/// part's Parquet file last: if it exists, the part is finished.
/// </summary>
public sealed class EmbeddingFolder(string path)
{
    public const string PlanFile = "embed.json",
        ReportFile = "report.json";

    /// <summary>Maximum number of bad samples listed in <c>report.json</c>; the parts' reports list all.</summary>
    private const int NamedSamples = 100;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public string Path { get; } = path;

    /// <summary>Initialises the folder, or continues with the parts there.</summary>
    /// <exception cref="UsageException">The folder belongs to a different plan.</exception>
    public void Begin(EmbeddingPlan plan)
    {
        Directory.CreateDirectory(Path);
        var file = PathOf(PlanFile);
        if (!File.Exists(file))
        {
            if (Directory.EnumerateFiles(Path, "*.parquet").FirstOrDefault() is { } other)
            {
                throw new UsageException(
                    $"{other} is in the way: the folder has no {PlanFile}, so it is not a folder of embeddings; choose another folder."
                );
            }

            WholeFile.Write(file, JsonSerializer.Serialize(plan, Json));
            return;
        }

        var (before, now) = (Read<JsonObject>(file), JsonSerializer.SerializeToNode(plan, Json)!.AsObject());
        foreach (var (name, value) in now)
        {
            if (!JsonNode.DeepEquals(before[name], value))
            {
                throw new UsageException(
                    $"{file}: the folder holds embeddings with {name} {before[name]?.ToString() ?? "not set"}, and it is now {value}; "
                        + "give the same arguments to continue, or choose another folder."
                );
            }
        }
    }

    public string PartPath(int part) => PathOf($"part-{part.ToString("D6", CultureInfo.InvariantCulture)}.parquet");

    public bool IsFinished(int part) => File.Exists(PartPath(part));

    /// <summary>Deletes the unfinished files of a part whose process was killed.</summary>
    public void RemoveAbandoned(int part)
    {
        foreach (var file in Directory.EnumerateFiles(Path, $"{System.IO.Path.GetFileName(PartPath(part))}.*.tmp"))
        {
            File.Delete(file);
        }
    }

    /// <summary>Writes a part's report. Call before renaming the part's Parquet file.</summary>
    public void Write(int part, PartReport report) => WholeFile.Write(ReportPath(part), JsonSerializer.Serialize(report, Json));

    /// <exception cref="UsageException">The report is missing or invalid.</exception>
    public PartReport ReadReport(int part) => Read<PartReport>(ReportPath(part));

    /// <summary>Writes the report over all finished parts.</summary>
    public EmbeddingReport WriteReport(EmbeddingPlan plan, int parts)
    {
        var finished = Enumerable.Range(0, parts).Where(IsFinished).Select(ReadReport).ToArray();
        var bad = finished.SelectMany(part => part.Bad).ToArray();
        var reasons = new SortedDictionary<string, long>(
            bad.CountBy(sample => sample.Reason, StringComparer.Ordinal)
                .ToDictionary(count => count.Key, count => (long)count.Value, StringComparer.Ordinal),
            StringComparer.Ordinal
        );
        var report = new EmbeddingReport(
            finished.Length == parts,
            plan.Samples,
            finished.Sum(part => part.Embedded),
            finished.Length,
            parts,
            bad.Length,
            reasons,
            [.. bad.Take(NamedSamples)]
        );
        WholeFile.Write(PathOf(ReportFile), JsonSerializer.Serialize(report, Json));
        return report;
    }

    private static T Read<T>(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(file), Json) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new UsageException($"Cannot read {file} ({e.Message}); delete the files of the part or of the folder and embed again.");
        }
    }

    private string ReportPath(int part) => System.IO.Path.ChangeExtension(PartPath(part), ".json");

    private string PathOf(string file) => System.IO.Path.Combine(Path, file);
}

/// <summary>Content of <c>report.json</c>: totals over the finished parts.</summary>
public sealed record EmbeddingReport(
    bool Complete,
    long Samples,
    long Embedded,
    int PartsFinished,
    int Parts,
    long BadSamples,
    IReadOnlyDictionary<string, long> BadByReason,
    IReadOnlyList<BadSample> FirstBad
);
