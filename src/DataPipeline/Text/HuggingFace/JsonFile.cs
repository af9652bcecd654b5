using System.Text.Encodings.Web;
using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Text.HuggingFace;

/// <summary>JSON files with errors that name file and place.</summary>
internal static class JsonFile
{
    private const long MaxBytes = 256L << 20;

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="InvalidDataException">The file is not a JSON object, or too large for a tokenizer.</exception>
    public static JsonDocument Read(string path)
    {
        RegularFile.Require(path);
        if (new FileInfo(path) is { Exists: true, Length: > MaxBytes and var length })
        {
            throw new InvalidDataException($"{path}: has {length} bytes; tokenizer files have at most {MaxBytes >> 20} MiB");
        }

        try
        {
            var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document
                : throw new InvalidDataException($"{path}: is not a JSON object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}, line {e.LineNumber + 1}: is not JSON: {e.Message}", e);
        }
    }

    /// <summary>Writes an indented JSON object.</summary>
    public static void Write(string path, Action<Utf8JsonWriter> write)
    {
        using var stream = File.Create(path);
        using var writer = new Utf8JsonWriter(
            stream,
            new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
        );
        writer.WriteStartObject();
        write(writer);
        writer.WriteEndObject();
    }
}
