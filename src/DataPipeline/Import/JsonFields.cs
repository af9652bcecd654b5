using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>A field of a JSON object.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Text">Strings as they are, null as null, anything else as it is written.</param>
/// <param name="List">The texts, where it is a list of texts.</param>
/// <param name="IsObject">Whether it has fields of its own, or is a list of anything but texts.</param>
internal sealed record JsonField(string Name, string? Text, IReadOnlyList<string>? List, bool IsObject);

/// <summary>Reads the fields of a JSON object.</summary>
internal static class JsonFields
{
    /// <exception cref="ImportRowException">It is no JSON object.</exception>
    public static List<JsonField> Read(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(WithoutMark(json));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ImportRowException("JSON is damaged", $"it is no object but {document.RootElement.ValueKind}");
            return [.. document.RootElement.EnumerateObject().Select(field => Field(field.Name, field.Value))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is not UTF-8, or half of a surrogate pair.
            throw new ImportRowException("JSON is damaged", e.Message, e);
        }
    }

    private static JsonField Field(string name, JsonElement value)
    {
        var isTexts =
            value.ValueKind == JsonValueKind.Array
            && value.EnumerateArray().All(item => item.ValueKind is JsonValueKind.String or JsonValueKind.Null);
        return new JsonField(
            name,
            value.ValueKind switch
            {
                JsonValueKind.Null => null,
                JsonValueKind.String => value.GetString(),
                _ => value.GetRawText(),
            },
            isTexts ? [.. value.EnumerateArray().Select(item => item.GetString()).OfType<string>()] : null,
            value.ValueKind == JsonValueKind.Object || (value.ValueKind == JsonValueKind.Array && !isTexts)
        );
    }

    /// <summary>The byte order mark that some editors write is no JSON.</summary>
    private static ReadOnlyMemory<byte> WithoutMark(byte[] json) => json is [0xEF, 0xBB, 0xBF, ..] ? json.AsMemory(3) : json;
}
