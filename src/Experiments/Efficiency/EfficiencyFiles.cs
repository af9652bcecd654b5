using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsvHelper;

namespace ClipTrain.Experiments.Efficiency;

/// <summary>A comparison as files: efficiency.json for other programs and efficiency.csv, with the same columns.</summary>
public static class EfficiencyFiles
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, NewLine = "\n" };

    /// <param name="folder">The folder, which exists.</param>
    /// <param name="unit">What amounts are in, such as samples.</param>
    /// <param name="rows">The comparison.</param>
    /// <exception cref="IOException">The files cannot be written.</exception>
    public static void Write(string folder, string unit, IReadOnlyList<EfficiencyRow> rows)
    {
        var named = rows.Select(row => Named(unit, row).ToList()).ToList();
        File.WriteAllText(
            Path.Combine(folder, "efficiency.json"),
            new JsonArray([.. named.Select(row => new JsonObject(row))]).ToJsonString(Json) + "\n"
        );
        using var csv = CsvWriter.ToFile(Path.Combine(folder, "efficiency.csv"), new CsvWriterOptions { NewLine = "\n" });
        WriteRow(named[0].Select(field => field.Key));
        foreach (var row in named)
        {
            WriteRow(row.Select(field => Convert.ToString(field.Value, CultureInfo.InvariantCulture) ?? ""));
        }

        void WriteRow(IEnumerable<string> fields)
        {
            foreach (var field in fields)
            {
                csv.WriteField(field);
            }

            csv.EndRecord();
        }
    }

    /// <summary>The columns of a row. An end of an interval that lies outside the budgets is null.</summary>
    private static IEnumerable<KeyValuePair<string, JsonNode?>> Named(string unit, EfficiencyRow row)
    {
        yield return new("accuracy", row.Accuracy);
        yield return new("group", row.Group);
        yield return new("configuration", row.Configuration);
        yield return new("unit", unit);
        foreach (var field in Quantity("amount", row.Amount, row.AmountInterval).Concat(Quantity("ratio", row.Ratio, row.RatioInterval)))
        {
            yield return field;
        }
    }

    private static KeyValuePair<string, JsonNode?>[] Quantity(string name, Censored? quantity, (double Low, double High)? interval) =>
        [
            new(name, quantity?.Value),
            new(
                $"{name}_is",
                quantity?.Censoring switch
                {
                    null => null,
                    Censoring.AtMost => "at most",
                    Censoring.MoreThan => "more than",
                    _ => "equal",
                }
            ),
            new($"{name}_low", interval is { Low: > 0 and var low } && double.IsFinite(low) ? low : null),
            new($"{name}_high", interval is { High: > 0 and var high } && double.IsFinite(high) ? high : null),
        ];
}
