using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Column features that Hugging Face's datasets library writes to a file's metadata.</summary>
internal static class HuggingFaceFeatures
{
    private const string Key = "huggingface";

    /// <summary>Class names of a ClassLabel column; empty if the column is not one.</summary>
    /// <exception cref="CorpusException">A file cannot be read, or two files name classes differently.</exception>
    public static IReadOnlyList<string> ClassNames(IReadOnlyList<CorpusFile> files, string column)
    {
        string[]? names = null;
        foreach (var file in files)
        {
            var here = Names(file.Path, column);
            if (names is not null && !here.SequenceEqual(names, StringComparer.Ordinal))
            {
                throw new CorpusException(
                    $"{files[0].Path} and {file.Path} name the classes of column {column} differently in their metadata; rewrite them "
                        + "with one list, or name the classes in the run file"
                );
            }

            names = here;
        }

        return names ?? [];
    }

    private static string[] Names(string path, string column)
    {
        try
        {
            using var file = new ParquetFile(path);
            if (!file.Metadata.TryGetValue(Key, out var json))
            {
                return [];
            }

            var feature = (JsonNode.Parse(json)?["info"]?["features"] as JsonObject)?[column] as JsonObject;
            return feature?["names"] is JsonArray names ? [.. names.Select(name => name!.GetValue<string>())] : [];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            // Another writer's metadata under the same key.
            return [];
        }
        catch (Exception e) when (ParquetFailure.Is(e))
        {
            throw ParquetFailure.At(path, e);
        }
    }
}
