using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Evaluation.Retrieval;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Results of sets as a JSON file, with every bit of their numbers: from them, another process makes the same report.</summary>
public static class SetResultFile
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        IgnoreReadOnlyProperties = true,
        Converters = { new RanksOnly() },
    };

    /// <summary>Writes a file, which is whole or absent. Two processes may write the same one.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<SetResult> results)
    {
        var aside = $"{path}.{Guid.NewGuid():N}.tmp";
        using (var file = File.Create(aside))
        {
            JsonSerializer.Serialize(file, results, s_json);
        }

        File.Move(aside, path, overwrite: true);
    }

    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static IReadOnlyList<SetResult> Read(string path)
    {
        using var file = File.OpenRead(path);
        try
        {
            return JsonSerializer.Deserialize<IReadOnlyList<SetResult>>(file, s_json)!;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is damaged: {error.Message}", error);
        }
    }

    /// <summary>Recall follows from the ranks, which other JSON leaves out for their number.</summary>
    private sealed class RanksOnly : JsonConverter<Recall>
    {
        public override Recall Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            Recall.FromRanks(JsonSerializer.Deserialize<long[]>(ref reader, options)!);

        public override void Write(Utf8JsonWriter writer, Recall value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value.Ranks, options);
    }
}
