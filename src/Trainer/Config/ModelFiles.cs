namespace ClipTrain.Trainer.Config;

/// <summary>Finds model files by name or path.</summary>
/// <param name="runFolder">Folder of the run file; null if a model is loaded without a run.</param>
internal sealed class ModelFiles(string? runFolder)
{
    private readonly string[] _folders =
    [
        .. runFolder is null ? Array.Empty<string>() : [Path.Combine(runFolder, "models"), Path.Combine(runFolder, "..", "models")],
        Path.Combine(AppContext.BaseDirectory, "configs", "models"),
    ];

    /// <summary>The path of the model file that a name or path refers to.</summary>
    /// <param name="reference">A name such as ViT-B-32, or a path that ends in .yaml or .yml, relative to the run file or the current
    /// directory.</param>
    /// <exception cref="ConfigException">There is no such file; the error lists the available names.</exception>
    public string Find(string reference, SourcePosition position)
    {
        if (reference.EndsWith(".yaml", StringComparison.Ordinal) || reference.EndsWith(".yml", StringComparison.Ordinal))
        {
            string[] candidates = runFolder is null ? [reference] : [Path.Combine(runFolder, reference), reference];
            return candidates.FirstOrDefault(File.Exists) ?? throw new ConfigException(position, $"there is no model file '{reference}'");
        }

        var names = Names();
        if (names.TryGetValue(reference, out var path))
        {
            return path;
        }

        if (names.Count == 0)
        {
            throw new ConfigException(position, $"there is no model '{reference}'; no model files lie in {string.Join(" or ", _folders)}");
        }

        var advice = EditDistance.Nearest(Fold(reference), names.Keys.Select(Fold)) is { } nearest
            ? $"did you mean '{names.Keys.First(name => string.Equals(Fold(name), nearest, StringComparison.Ordinal))}'?"
            : $"there are {string.Join(", ", names.Keys.Order(StringComparer.Ordinal))}; a file is named by a path that ends in .yaml";
        throw new ConfigException(position, $"there is no model '{reference}'; {advice}");
    }

    private Dictionary<string, string> Names()
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in _folders.Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "*.yaml")))
        {
            names.TryAdd(Path.GetFileNameWithoutExtension(file), file);
        }

        return names;
    }

    private static string Fold(string name) => name.Replace('/', '-').ToLowerInvariant();
}
