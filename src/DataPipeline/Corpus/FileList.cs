using System.Text.Json;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// A file that names the files of a corpus: one a line in a .txt, with empty lines and those after # left out, or a JSON
/// array of texts in a .json. Names are relative to the list's folder.
/// </summary>
internal static class FileList
{
    public static bool IsList(string path) => Path.GetExtension(path) is ".txt" or ".json";

    /// <summary>The entries, as full paths.</summary>
    /// <exception cref="CorpusException">The file is no list, or names nothing.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        try
        {
            RegularFile.Require(path);
            var entries =
                Path.GetExtension(path) == ".json"
                    ? JsonSerializer.Deserialize<string[]>(File.ReadAllBytes(path)) ?? []
                    : [.. File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
            return entries.Length > 0
                ? [.. entries.Select(entry => Path.Combine(Path.GetDirectoryName(path)!, entry))]
                : throw new CorpusException($"{path} lists no files; write a Parquet file, folder or glob a line");
        }
        catch (JsonException e)
        {
            throw new CorpusException($"{path} is no list of files: a JSON array of texts is expected ({e.Message})", e);
        }
    }
}
