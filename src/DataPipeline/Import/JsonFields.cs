using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>A field of a JSON object.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Text">Strings unquoted, null as null, everything else as JSON.</param>
/// <param name="List">The texts of a list of texts; null otherwise.</param>
/// <param name="IsObject">True for an object, and for a list of anything but texts.</param>
internal sealed record JsonField(string Name, string? Text, IReadOnlyList<string>? List, bool IsObject);

/// <summary>Reads the fields of a JSON object.</summary>
internal static class JsonFields
{
    /// <exception cref="ImportRowException">The bytes are not a JSON object.</exception>
    public static List<JsonField> Read(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(WithoutMark(json));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ImportRowException("JSON is damaged", $"expected an object, found {document.RootElement.ValueKind}");
            }

            return [.. document.RootElement.EnumerateObject().Select(field => Field(field.Name, field.Value))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string is not UTF-8 or contains an unpaired surrogate.
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

    /// <summary>JSON without the byte order mark that some editors write.</summary>
    private static ReadOnlyMemory<byte> WithoutMark(byte[] json) => json is [0xEF, 0xBB, 0xBF, ..] ? json.AsMemory(3) : json;
}
