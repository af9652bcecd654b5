namespace ClipTrain.DataPipeline.Import;

/// <summary>
/// Additional columns of a corpus, and the assignment of a row's values to them. Parquet readers ignore case, so names that differ only
/// in case share a column; a name that would be taken for the image or the caption gets a prefix.
/// </summary>
internal sealed class ExtraColumns
{
    private const string Prefix = "source_";

    /// <summary>Usual names of image and caption columns.</summary>
    private static readonly string[] Reserved = ["image", "caption", "text"];

    private readonly Dictionary<string, int> _index = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="sourceNames">Names used by the source, in order.</param>
    public ExtraColumns(IEnumerable<string> sourceNames)
    {
        foreach (var name in sourceNames.Select(NameOf).Where(n => n.Length > 0))
        {
            _index.TryAdd(name, _index.Count);
        }

        Names = [.. _index.OrderBy(i => i.Value).Select(i => i.Key)];
    }

    /// <summary>The columns, in order.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The row's values by column; values without a column are counted by name.</summary>
    public string?[] Place(ImportRow row, ImportTally tally)
    {
        var values = new string?[Names.Count];
        foreach (var (name, value) in row.Extra)
        {
            if (_index.TryGetValue(NameOf(name), out var column))
            {
                values[column] ??= value;
            }
            else if (value is not null)
            {
                tally.AddLeftOut(name);
            }
        }

        return values;
    }

    private static string NameOf(string name) => Reserved.Contains(name, StringComparer.OrdinalIgnoreCase) ? Prefix + name : name;
}
