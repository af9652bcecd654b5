using System.Globalization;
using System.Text.Json;
using ClipTrain.Evaluation.Statistics;
using CsvHelper;

namespace ClipTrain.Evaluation.Report;

/// <summary>Writes figures for other programs: results.json and results.csv.</summary>
public static class ResultList
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string folder, IReadOnlyList<ResultRow> rows)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "results.json"), JsonSerializer.Serialize(rows, s_json) + "\n");
        using var csv = CsvWriter.ToFile(Path.Combine(folder, "results.csv"), new CsvWriterOptions { NewLine = "\n" });
        Write(["set", "task", "metric", "value", "low", "high", "n", "seed"]);
        foreach (var row in rows)
        {
            Write([row.Set, row.Task, row.Metric, Text(row.Value), Text(row.Low), Text(row.High), Text(row.N), Text(row.Seed)]);
        }

        void Write(IEnumerable<string> fields)
        {
            foreach (var field in fields)
            {
                csv.WriteField(field);
            }

            csv.EndRecord();
        }

        static string Text(IFormattable? number) => number?.ToString(format: null, CultureInfo.InvariantCulture) ?? "";
    }
}
