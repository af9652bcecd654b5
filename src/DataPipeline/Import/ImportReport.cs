using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Report of an import, for people and scripts: <c>import-report.json</c>, the same bytes for the same import.</summary>
public static class ImportReport
{
    /// <summary>Name of the report in the corpus's folder.</summary>
    public const string FileName = "import-report.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal static void Write(ImportState state, string directory)
    {
        var report = new
        {
            state.Complete,
            state.Tally.Rows,
            state.Tally.ImageBytes,
            Files = state.Shards.Count,
            FileBytes = state.Shards.Sum(s => s.Bytes),
            Failures = state.Tally.Failures(),
            FailuresByReason = state.Tally.Reasons,
            FirstFailures = state.Tally.First,
            ValuesWithoutColumn = state.Tally.LeftOut,
        };
        ImportState.WriteAside(Path.Combine(directory, FileName), JsonSerializer.SerializeToUtf8Bytes(report, Json));
    }
}

/// <summary>A pair that was not imported.</summary>
/// <param name="Place">File and row, or file and key.</param>
/// <param name="Reason">The kind of problem, with the same wording for all such pairs.</param>
/// <param name="Detail">Details of this pair.</param>
public sealed record ImportFailure(string Place, string Reason, string Detail);

/// <summary>Counts of the rows so far. Part of the state on disk.</summary>
public sealed class ImportTally
{
    /// <summary>Number of failures that are listed individually.</summary>
    public const int NamedFailures = 100;

    /// <summary>Rows written.</summary>
    public long Rows { get; set; }

    /// <summary>Bytes of the images in them.</summary>
    public long ImageBytes { get; set; }

    /// <summary>Failures by reason.</summary>
    public SortedDictionary<string, long> Reasons { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The first failures.</summary>
    public IList<ImportFailure> First { get; init; } = [];

    /// <summary>Values without a column, by name.</summary>
    public SortedDictionary<string, long> LeftOut { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Total number of failures.</summary>
    public long Failures() => Reasons.Values.Sum();

    internal void Add(ImportRow row)
    {
        Rows++;
        ImageBytes += row.Image.Length;
    }

    internal void Add(ImportFailure failure)
    {
        Reasons[failure.Reason] = Reasons.GetValueOrDefault(failure.Reason) + 1;
        if (First.Count < NamedFailures)
        {
            First.Add(failure);
        }
    }

    internal void AddLeftOut(string name) => LeftOut[name] = LeftOut.GetValueOrDefault(name) + 1;
}
