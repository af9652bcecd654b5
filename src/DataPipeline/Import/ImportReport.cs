using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>What came of an import, for people and scripts: <c>import-report.json</c>, the same bytes for the same import.</summary>
public static class ImportReport
{
    /// <summary>Its name in the corpus' folder.</summary>
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
