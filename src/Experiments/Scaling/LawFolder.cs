using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsvHelper;

namespace ClipTrain.Experiments.Scaling;

/// <summary>
/// The folder of a fit: laws.json with the laws of error, for other programs; allocation.json with those of the best model and of
/// repeated samples, in the same format; laws.csv with all of them as a table; fit.json for predictions.
/// </summary>
public static class LawFolder
{
    private const string FitFile = "fit.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        IncludeFields = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
    };

    private static readonly JsonSerializerOptions OneLine = new(Json) { WriteIndented = false };

    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string folder, IReadOnlyList<LawFit> fits)
    {
        Directory.CreateDirectory(folder);
        WriteList("laws.json", fits.Where(fit => fit.Law is not ("isoflop" or "repeated")));
        WriteList("allocation.json", fits.Where(fit => fit.Law is "isoflop" or "repeated"));
        File.WriteAllText(Path.Combine(folder, FitFile), JsonSerializer.Serialize(fits, OneLine) + "\n");
        using var csv = CsvWriter.ToFile(Path.Combine(folder, "laws.csv"), new CsvWriterOptions { NewLine = "\n" });
        WriteRow("law", "group", "parameter", "value", "low", "high", "aic", "bic", "heldout_error", "points");
        foreach (var fit in fits)
        {
            foreach (var (name, estimate) in fit.Parameters)
            {
                WriteRow(
                    fit.Law,
                    fit.Group,
                    name,
                    Text(estimate.Value),
                    Text(estimate.Low),
                    Text(estimate.High),
                    Text(fit.Aic),
                    Text(fit.Bic),
                    Text(fit.HeldoutError),
                    Text(fit.Points)
                );
            }
        }

        void WriteList(string file, IEnumerable<LawFit> laws) =>
            File.WriteAllText(
                Path.Combine(folder, file),
                new JsonArray([
                    .. laws.Select(fit =>
                        JsonSerializer.SerializeToNode(
                            new
                            {
                                fit.Law,
                                fit.Group,
                                fit.Parameters,
                                fit.Aic,
                                fit.Bic,
                                fit.HeldoutError,
                                fit.Points,
                            },
                            Json
                        )
                    ),
                ]).ToJsonString(Json) + "\n"
            );

        void WriteRow(params string[] fields)
        {
            foreach (var field in fields)
            {
                csv.WriteField(field);
            }

            csv.EndRecord();
        }

        static string Text(IFormattable? number) => number?.ToString(format: null, CultureInfo.InvariantCulture) ?? "";
    }

    /// <summary>Reads the fits of a folder.</summary>
    /// <exception cref="ExperimentException">The folder has no valid fit.</exception>
    public static IReadOnlyList<LawFit> Read(string folder)
    {
        var path = Path.Combine(folder, FitFile);
        if (!File.Exists(path))
        {
            throw new ExperimentException($"{folder} has no {FitFile}: create it with `cliptrain scaling fit … -o {folder}`.");
        }

        try
        {
            return JsonSerializer.Deserialize<List<LawFit>>(File.ReadAllText(path), OneLine)
                ?? throw new JsonException("null is not a list of laws");
        }
        catch (JsonException e)
        {
            throw new ExperimentException($"{path}: this is not a fit: {e.Message}");
        }
    }
}
