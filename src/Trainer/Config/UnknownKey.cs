namespace ClipTrain.Trainer.Config;

/// <summary>Suggests the key that an unknown key was most likely meant to be.</summary>
internal static class UnknownKey
{
    /// <param name="key">The unknown key as written.</param>
    /// <param name="section">The section in which it was written.</param>
    /// <param name="root">The whole configuration, which may have the key in another section.</param>
    /// <returns>The end of the error message, and the key of <paramref name="section"/> that was meant, if any.</returns>
    public static (string Advice, string? Meant) Explain(string key, OptionSection section, OptionSection root)
    {
        // globalBatch and global-batch are other spellings of global_batch, not typos.
        var spelled = OptionSection.SnakeCase(key.Replace('-', '_'));
        if (section.Find(spelled) is { } here)
        {
            return ($"did you mean '{here.Name}'?", here.Name);
        }

        var elsewhere = Places(root, "").Where(place => place.Section != section).ToList();
        var exact = elsewhere.Where(place => place.Section.Find(spelled) is not null).Select(place => Display(place.Path)).ToList();
        if (exact.Count > 0)
        {
            return ($"'{spelled}' belongs {string.Join(" or ", exact)}", null);
        }

        if (EditDistance.Nearest(spelled, section.Keys.Select(k => k.Name)) is { } nearest)
        {
            return ($"did you mean '{nearest}'?", nearest);
        }

        var farther = elsewhere.SelectMany(place => place.Section.Keys.Select(k => (place.Path, k.Name))).ToList();
        if (EditDistance.Nearest(spelled, farther.Select(f => f.Name)) is { } other)
        {
            return (
                $"did you mean '{Join(farther.First(f => string.Equals(f.Name, other, StringComparison.Ordinal)).Path, other)}'?",
                null
            );
        }

        return ($"known here: {string.Join(", ", section.Keys.Select(k => k.Name))}", null);
    }

    public static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    private static string Display(string path) => path.Length == 0 ? "at the top level" : $"under '{path}'";

    private static IEnumerable<(string Path, OptionSection Section)> Places(OptionSection section, string path)
    {
        yield return (path, section);
        foreach (var key in section.Keys.Where(k => k.IsSection))
        {
            foreach (var place in Places(OptionSection.Of(key.ValueType), Join(path, key.Name)))
            {
                yield return place;
            }
        }
    }
}
