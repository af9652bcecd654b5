using System.Text.Json;

namespace ClipTrain.DataPipeline.Text.HuggingFace;

/// <summary>
/// Hugging Face's tokenizer.json for CLIP's kind of tokenizer: byte-level BPE with end-of-word marks, lower case, CLIP's pieces.
/// </summary>
internal static class TokenizerJson
{
    private const string Pieces = @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    /// <summary>Reads the merges.</summary>
    /// <exception cref="InvalidDataException">The tokenizer is not of CLIP's kind; the message names file, place and reason.</exception>
    public static MergeList Read(string path)
    {
        using var document = JsonFile.Read(path);
        var root = document.RootElement;
        if (!root.TryGetProperty("model", out var model) || model.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"{path}: has no model");
        }

        CheckKind(path, root, model);

        var merges = new MergeListBuilder(path);
        var at = 0;
        foreach (
            var merge in Property(model, "merges").ValueKind == JsonValueKind.Array
                ? model.GetProperty("merges").EnumerateArray()
                : throw new InvalidDataException($"{path}, model.merges: is not a list")
        )
        {
            merges.Add($"model.merges[{at++}]", Parts(merge));
        }

        var list = merges.Build();
        VocabularyJson.Check(Property(model, "vocab"), list, $"{path}, model.vocab");
        return list;
    }

    public static void Write(string path, MergeList merges) =>
        JsonFile.Write(
            path,
            json =>
            {
                int start = merges.VocabularySize - 2,
                    end = merges.VocabularySize - 1;
                json.WriteString("version", "1.0");
                json.WriteNull("truncation");
                json.WriteNull("padding");
                Raw(json, "added_tokens", $$"""[{{AddedToken(start, MergeList.StartOfText)}},{{AddedToken(end, MergeList.EndOfText)}}]""");
                Raw(
                    json,
                    "normalizer",
                    """{"type":"Sequence","normalizers":[{"type":"NFC"},"""
                        + """{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}"""
                );
                Raw(
                    json,
                    "pre_tokenizer",
                    $$"""
                    {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(
                        Pieces
                    )}}},"behavior":"Removed","invert":true},
                    {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}]}
                    """
                );
                Raw(
                    json,
                    "post_processor",
                    $$"""{"type":"RobertaProcessing","sep":["{{MergeList.EndOfText}}",{{end}}],"cls":"""
                        + $$"""["{{MergeList.StartOfText}}",{{start}}],"trim_offsets":false,"add_prefix_space":false}"""
                );
                Raw(json, "decoder", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}""");
                json.WriteStartObject("model");
                json.WriteString("type", "BPE");
                json.WriteNull("dropout");
                json.WriteString("unk_token", MergeList.EndOfText);
                json.WriteString("continuing_subword_prefix", "");
                json.WriteString("end_of_word_suffix", ByteAlphabet.EndOfWord);
                json.WriteBoolean("fuse_unk", false);
                json.WriteStartObject("vocab");
                VocabularyJson.Write(json, merges);
                json.WriteEndObject();
                json.WriteStartArray("merges");
                foreach (var (left, right) in merges.Merges)
                {
                    json.WriteStringValue($"{left} {right}");
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }
        );

    private static void CheckKind(string path, JsonElement root, JsonElement model)
    {
        Require(
            Property(model, "type") is { ValueKind: JsonValueKind.Undefined } || Text(model, "type") == "BPE",
            "model.type",
            $"is \"{Text(model, "type")}\", not BPE"
        );
        Require(
            Text(model, "end_of_word_suffix") == ByteAlphabet.EndOfWord,
            "model.end_of_word_suffix",
            $"is not \"{ByteAlphabet.EndOfWord}\""
        );
        Require(string.IsNullOrEmpty(Text(model, "continuing_subword_prefix")), "model.continuing_subword_prefix", "is not empty");
        foreach (var option in new[] { "byte_fallback", "ignore_merges" })
        {
            Require(Property(model, option).ValueKind != JsonValueKind.True, $"model.{option}", "is on");
        }

        Require(Property(model, "dropout").ValueKind is JsonValueKind.Null or JsonValueKind.Undefined, "model.dropout", "is on");
        Require(Steps(Property(root, "normalizer")).Any(step => Text(step, "type") == "Lowercase"), "normalizer", "has no Lowercase");
        var cuts = Steps(Property(root, "pre_tokenizer")).ToArray();
        Require(
            cuts.Any(step => Text(step, "type") == "ByteLevel" && Property(step, "add_prefix_space").ValueKind == JsonValueKind.False),
            "pre_tokenizer",
            "has no ByteLevel step with add_prefix_space off"
        );
        Require(
            cuts.Any(step =>
                Text(step, "type") == "Split"
                && Text(Property(step, "pattern"), "Regex")?.EndsWith(Pieces, StringComparison.Ordinal) == true
            ),
            "pre_tokenizer",
            $"does not split into {Pieces}"
        );

        void Require(bool condition, string place, string otherwise)
        {
            if (!condition)
            {
                throw new InvalidDataException($"{path}, {place}: {otherwise}; only tokenizers of CLIP's kind are supported");
            }
        }
    }

    /// <summary>A single step, or the steps of a sequence.</summary>
    private static IEnumerable<JsonElement> Steps(JsonElement step)
    {
        var list =
            Text(step, "type") != "Sequence" ? default
            : Property(step, "normalizers") is { ValueKind: JsonValueKind.Array } steps ? steps
            : Property(step, "pretokenizers");
        return list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : [step];
    }

    /// <summary>The two symbols of a merge, written "left right" or, since tokenizers 0.20, as a list of two.</summary>
    private static string[] Parts(JsonElement merge) =>
        merge.ValueKind switch
        {
            JsonValueKind.String => merge.GetString()!.Split(' '),
            JsonValueKind.Array =>
            [
                .. merge.EnumerateArray().Select(part => part.ValueKind == JsonValueKind.String ? part.GetString()! : part.GetRawText()),
            ],
            _ => [merge.GetRawText()],
        };

    private static JsonElement Property(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

    private static string? Text(JsonElement element, string name) =>
        Property(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static void Raw(Utf8JsonWriter json, string name, string value)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(value);
    }

    private static string AddedToken(int id, string content) =>
        $$"""{"id":{{id}},"content":"{{content}}","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":true}""";
}
