using System.Text.Json;

namespace ClipTrain.DataPipeline.Text.HuggingFace;

/// <summary>The map from tokens to ids. For CLIP it follows from the merges, so reading it means checking it.</summary>
internal static class VocabularyJson
{
    /// <summary>Checks that a map has the ids that follow from the merges.</summary>
    /// <param name="vocabulary">The object that maps tokens to ids.</param>
    /// <param name="merges">The merges that belong to it.</param>
    /// <param name="place">File and place of the object, for messages.</param>
    /// <exception cref="InvalidDataException">An id does not follow from the merges.</exception>
    public static void Check(JsonElement vocabulary, MergeList merges, string place)
    {
        if (vocabulary.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"{place}: is not an object that maps tokens to ids");
        }

        var ids = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var entry in vocabulary.EnumerateObject())
        {
            if (!ids.TryAdd(entry.Name, entry.Value))
            {
                throw new InvalidDataException($"{place}: has \"{entry.Name}\" twice");
            }
        }

        var id = 0;
        foreach (var symbol in merges.Symbols)
        {
            if (!ids.TryGetValue(symbol, out var given))
            {
                throw new InvalidDataException(
                    $"{place}: has no \"{symbol}\", which is token {id} of CLIP's kind of vocabulary with these merges"
                );
            }

            if (given.ValueKind != JsonValueKind.Number || !given.TryGetInt32(out var value) || value != id)
            {
                throw new InvalidDataException(
                    $"{place}: \"{symbol}\" has the id {given.GetRawText()}, in CLIP's kind of vocabulary with these merges it is {id}"
                );
            }

            id++;
        }

        if (ids.Count != id)
        {
            throw new InvalidDataException($"{place}: has {ids.Count} tokens, CLIP's kind of vocabulary with these merges has {id}");
        }
    }

    public static void Write(Utf8JsonWriter json, MergeList merges)
    {
        foreach (var (id, symbol) in merges.Symbols.Index())
        {
            json.WriteNumber(symbol, id);
        }
    }
}
