namespace ClipTrain.Cli.Config;

/// <summary>The files that are generated from the option records and kept in the repository.</summary>
public static class ConfigDocs
{
    /// <summary>Path from the repository's root, and content, of each file.</summary>
    public static IReadOnlyList<(string Path, string Content)> Generate() =>
        [("configs/schema.json", JsonSchema.Generate()), ("docs/configuration.md", ConfigReference.Generate())];

    /// <summary>Writes the files into a checkout.</summary>
    public static void Write(string repoRoot)
    {
        foreach (var (path, content) in Generate())
            File.WriteAllText(Path.Combine(repoRoot, path), content);
    }
}
