using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Turns the files and folders that a user names into inputs.</summary>
internal static class InputFiles
{
    /// <summary>The files in the order given; a folder stands for those directly in it that end so, in ordinal order.</summary>
    /// <exception cref="CorpusException">A file is missing, or a folder has none.</exception>
    public static IReadOnlyList<ImportInput> Expand(IReadOnlyList<string> paths, params IReadOnlyList<string> endings)
    {
        var inputs = new List<ImportInput>();
        foreach (var path in paths)
        {
            RemotePath.Refuse(path);
            if (File.Exists(path))
                inputs.Add(ImportInput.File(path));
            else if (Directory.Exists(path))
                inputs.AddRange(InFolder(path, endings));
            else
                throw new CorpusException($"{Path.GetFullPath(path)} does not exist; correct the path");
        }

        if (inputs.GroupBy(i => i.Path, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new CorpusException($"{twice.Key} is named twice; name each input once");
        return inputs;
    }

    private static List<ImportInput> InFolder(string folder, IReadOnlyList<string> endings)
    {
        var files = Directory
            .GetFiles(folder)
            .Where(f => endings.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase)))
            .Order(StringComparer.Ordinal)
            .ToList();
        return files.Count > 0
            ? files.ConvertAll(ImportInput.File)
            : throw new CorpusException($"the folder {Path.GetFullPath(folder)} holds no file that ends in {string.Join(" or ", endings)}");
    }
}
