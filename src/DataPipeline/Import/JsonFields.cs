using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>The fields of a JSON object as text: strings as they are, null as null, anything else as it is written.</summary>
internal static class JsonFields
{
    /// <exception cref="ImportRowException">It is no JSON object.</exception>
    public static List<KeyValuePair<string, string?>> Read(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(WithoutMark(json));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ImportRowException("JSON is damaged", $"it is no object but {document.RootElement.ValueKind}");
            return [.. document.RootElement.EnumerateObject().Select(field => KeyValuePair.Create(field.Name, Value(field.Value)))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is not UTF-8, or half of a surrogate pair.
            throw new ImportRowException("JSON is damaged", e.Message, e);
        }
    }

    private static string? Value(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.String => value.GetString(),
        _ => value.GetRawText(),
    };

    /// <summary>The byte order mark that some editors write is no JSON.</summary>
    private static ReadOnlyMemory<byte> WithoutMark(byte[] json) => json is [0xEF, 0xBB, 0xBF, ..] ? json.AsMemory(3) : json;
}
