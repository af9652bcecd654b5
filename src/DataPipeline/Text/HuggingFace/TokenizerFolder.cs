using System.Text.Json;

namespace ClipTrain.DataPipeline.Text.HuggingFace;

/// <summary>Hugging Face's files of a CLIP tokenizer: vocab.json, merges.txt, tokenizer.json and two with settings.</summary>
public static class TokenizerFolder
{
    private const string Vocabulary = "vocab.json",
        MergesFile = "merges.txt",
        Whole = "tokenizer.json";

    /// <summary>Reads vocab.json with merges.txt or, unless both exist, tokenizer.json.</summary>
    /// <exception cref="InvalidDataException">Files are missing or not of CLIP's kind; the message names file and place.</exception>
    public static MergeList Read(string folder)
    {
        string vocabulary = Path.Combine(folder, Vocabulary),
            merges = Path.Combine(folder, MergesFile),
            whole = Path.Combine(folder, Whole);
        if (File.Exists(vocabulary) && File.Exists(merges))
        {
            var list = MergeList.Load(merges);
            using var document = JsonFile.Read(vocabulary);
            VocabularyJson.Check(document.RootElement, list, vocabulary);
            return list;
        }

        return File.Exists(whole)
            ? TokenizerJson.Read(whole)
            : throw new InvalidDataException($"{folder}: has neither {Vocabulary} and {MergesFile} nor {Whole}");
    }

    /// <summary>Writes all five files.</summary>
    /// <param name="folder">Created if it does not exist.</param>
    /// <param name="merges">The vocabulary.</param>
    /// <param name="contextLength">The model's context length, including start and end.</param>
    public static void Write(string folder, MergeList merges, int contextLength)
    {
        Directory.CreateDirectory(folder);
        merges.Save(Path.Combine(folder, MergesFile));
        JsonFile.Write(Path.Combine(folder, Vocabulary), json => VocabularyJson.Write(json, merges));
        TokenizerJson.Write(Path.Combine(folder, Whole), merges);
        JsonFile.Write(Path.Combine(folder, "special_tokens_map.json"), json => Special(json, type: null));
        JsonFile.Write(
            Path.Combine(folder, "tokenizer_config.json"),
            json =>
            {
                Special(json, "AddedToken");
                json.WriteBoolean("add_prefix_space", false);
                json.WriteBoolean("do_lower_case", true);
                json.WriteString("errors", "replace");
                json.WriteNumber("model_max_length", contextLength);
                json.WriteString("tokenizer_class", "CLIPTokenizer");
            }
        );
    }

    private static void Special(Utf8JsonWriter json, string? type)
    {
        foreach (
            var (name, content) in new[]
            {
                ("bos_token", MergeList.StartOfText),
                ("eos_token", MergeList.EndOfText),
                ("unk_token", MergeList.EndOfText),
            }
        )
        {
            json.WriteStartObject(name);
            if (type is not null)
            {
                json.WriteString("__type", type);
            }

            json.WriteString("content", content);
            json.WriteBoolean("lstrip", false);
            json.WriteBoolean("normalized", true);
            json.WriteBoolean("rstrip", false);
            json.WriteBoolean("single_word", false);
            json.WriteEndObject();
        }

        json.WriteString("pad_token", MergeList.EndOfText);
    }
}
