using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Reads class names from the README.md of a Hugging Face data set, for Parquet files without them in their metadata.</summary>
internal static class DatasetCard
{
    private const string Marker = "---";

    /// <summary>
    /// The names of a ClassLabel column from a README.md beside a file, or up to two folders above; empty if there are none.
    /// </summary>
    public static IReadOnlyList<string> ClassNames(string file, string column)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(file));
        for (var up = 0; up < 3 && folder is not null; up++, folder = Path.GetDirectoryName(folder))
        {
            var card = Path.Combine(folder, "README.md");
            if (File.Exists(card) && FrontMatter(card) is { } root && Search(root, column) is { Count: > 0 } names)
            {
                return names;
            }
        }

        return [];
    }

    private static YamlNode? FrontMatter(string card)
    {
        var lines = File.ReadAllLines(card);
        if (lines is not [Marker, ..] || Array.IndexOf(lines, Marker, 1) is var end && end < 0)
        {
            return null;
        }

        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(string.Join('\n', lines[1..end])));
            return yaml.Documents.Count > 0 ? yaml.Documents[0].RootNode : null;
        }
        catch (YamlException)
        {
            // Ignore a README in another format: without names, the set is rejected with instructions.
            return null;
        }
    }

    /// <summary>
    /// Searches for <c>{name: COLUMN, dtype: {class_label: {names: {'0': …}}}}</c> at any depth, since cards with several configurations
    /// nest it.
    /// </summary>
    private static List<string>? Search(YamlNode node, string column) =>
        node switch
        {
            YamlSequenceNode list => list.Select(item => Search(item, column)).FirstOrDefault(found => found is not null),
            YamlMappingNode map when Text(map, "name") == column && Names(map) is { } names => names,
            YamlMappingNode map => map.Children.Values.Select(item => Search(item, column)).FirstOrDefault(found => found is not null),
            _ => null,
        };

    private static List<string>? Names(YamlMappingNode feature) =>
        Child(Child(Child(feature, "dtype"), "class_label"), "names") is YamlMappingNode names
        && names.Children.Keys.All(key => int.TryParse(key.ToString(), out _))
            ?
            [
                .. names
                    .Children.OrderBy(entry => int.Parse(entry.Key.ToString(), System.Globalization.CultureInfo.InvariantCulture))
                    .Select(entry => entry.Value.ToString()),
            ]
            : null;

    private static string? Text(YamlMappingNode map, string key) => (Child(map, key) as YamlScalarNode)?.Value;

    private static YamlNode? Child(YamlNode? node, string key) =>
        node is YamlMappingNode map && map.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;
}
