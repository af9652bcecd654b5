using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ClipTrain.Cli.Runs;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Embedding;

/// <summary>What came of a part.</summary>
/// <param name="Embedded">Pairs in its file.</param>
/// <param name="Bad">Those that could not be used, in the corpus' order.</param>
public sealed record PartReport(long Embedded, IReadOnlyList<BadSample> Bad);

/// <summary>A folder of embeddings: <c>embed.json</c>, <c>part-000000.parquet</c> and so on in the corpus' order, beside each a <c>.json</c> with its <see cref="PartReport"/>, and <c>report.json</c>. A file is written aside and renamed, a part's Parquet file last: where that has its name, the part is finished.</summary>
public sealed class EmbeddingFolder(string path)
{
    public const string PlanFile = "embed.json",
        ReportFile = "report.json";

    /// <summary>How many bad samples <c>report.json</c> names; the parts' reports name all.</summary>
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

    /// <summary>Begins work in the folder, or goes on with what lies there.</summary>
    /// <exception cref="UsageException">It holds embeddings of something else.</exception>
    public void Begin(EmbeddingPlan plan)
    {
        Directory.CreateDirectory(Path);
        var file = PathOf(PlanFile);
        if (!File.Exists(file))
        {
            if (Directory.EnumerateFiles(Path, "*.parquet").FirstOrDefault() is { } other)
                throw new UsageException(
                    $"{other} is in the way: the folder has no {PlanFile}, so it holds something else; name another folder."
                );
            WriteAside(file, plan);
            return;
        }

        var (before, now) = (Read<JsonObject>(file), JsonSerializer.SerializeToNode(plan, Json)!.AsObject());
        foreach (var (name, value) in now)
        {
            if (!JsonNode.DeepEquals(before[name], value))
                throw new UsageException(
                    $"{file}: the folder holds embeddings with {name} {before[name]?.ToString() ?? "not set"}, and it is now {value}; "
                        + "give the same arguments to go on, or name another folder."
                );
        }
    }

    public string PartPath(int part) => PathOf($"part-{part.ToString("D6", CultureInfo.InvariantCulture)}.parquet");

    public bool IsFinished(int part) => File.Exists(PartPath(part));

    /// <summary>Removes what a process has left of a part that was killed.</summary>
    public void RemoveAbandoned(int part)
    {
        foreach (var file in Directory.EnumerateFiles(Path, $"{System.IO.Path.GetFileName(PartPath(part))}.*.tmp"))
            File.Delete(file);
    }

    /// <summary>To be written before the part is given its name.</summary>
    public void Write(int part, PartReport report) => WriteAside(ReportPath(part), report);

    /// <exception cref="UsageException">It is gone or cannot be read.</exception>
    public PartReport ReadReport(int part) => Read<PartReport>(ReportPath(part));

    /// <summary>Writes what came of all parts that are finished.</summary>
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
        WriteAside(PathOf(ReportFile), report);
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
            throw new UsageException($"{file} cannot be read ({e.Message}); remove the part's or the folder's files and embed again.");
        }
    }

    private static void WriteAside<T>(string file, T content)
    {
        // Several processes may write the same.
        var aside = $"{file}.{Guid.NewGuid():N}.tmp";
        using (var output = new FileStream(aside, FileMode.CreateNew, FileAccess.Write))
        {
            JsonSerializer.Serialize(output, content, Json);
            output.Flush(flushToDisk: true);
        }

        File.Move(aside, file, overwrite: true);
    }

    private string ReportPath(int part) => System.IO.Path.ChangeExtension(PartPath(part), ".json");

    private string PathOf(string file) => System.IO.Path.Combine(Path, file);
}

/// <summary>What came of the parts so far: the content of <c>report.json</c>.</summary>
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
