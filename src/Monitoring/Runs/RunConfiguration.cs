using System.Globalization;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ClipTrain.Monitoring.Runs;

/// <summary>A run's configuration and final figures as flat lists with dotted keys, for comparing runs.</summary>
internal static class RunConfiguration
{
    /// <summary>The scalars of a YAML file; only an error entry if it cannot be read.</summary>
    public static IReadOnlyDictionary<string, string> Read(string path)
    {
        var flat = new SortedDictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using var reader = new StreamReader(path);
            var yaml = new YamlStream();
            yaml.Load(reader);
            foreach (var document in yaml.Documents)
            {
                Flatten("", document.RootNode, flat);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or YamlException)
        {
            flat["error"] = error.Message;
        }

        return flat;
    }

    /// <summary>The numbers of a JSON file with dotted keys, in the order of the file; empty if it cannot be read.</summary>
    public static IReadOnlyList<KeyValuePair<string, double>> Figures(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. Numbers("", json.RootElement)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    private static void Flatten(string key, YamlNode node, SortedDictionary<string, string> flat)
    {
        switch (node)
        {
            case YamlMappingNode map:
                foreach (var (name, value) in map.Children)
                {
                    Flatten(key.Length == 0 ? $"{name}" : $"{key}.{name}", value, flat);
                }

                break;
            case YamlSequenceNode list:
                foreach (var (i, item) in list.Children.Index())
                {
                    Flatten(string.Create(CultureInfo.InvariantCulture, $"{key}[{i}]"), item, flat);
                }

                break;
            default:
                flat[key] = node.ToString();
                break;
        }
    }

    private static IEnumerable<KeyValuePair<string, double>> Numbers(string key, JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Object => element
                .EnumerateObject()
                .SelectMany(member => Numbers(key.Length == 0 ? member.Name : $"{key}.{member.Name}", member.Value)),
            JsonValueKind.Array => element
                .EnumerateArray()
                .Index()
                .SelectMany(item => Numbers(string.Create(CultureInfo.InvariantCulture, $"{key}[{item.Index}]"), item.Item)),
            JsonValueKind.Number => [new(key, element.GetDouble())],
            _ => [],
        };
}
