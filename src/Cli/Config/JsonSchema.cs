using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Config;

/// <summary>Generator of the JSON schema (draft 2020-12) of a run file, for completion and validation in editors.</summary>
internal static class JsonSchema
{
    private static readonly JsonSerializerOptions s_indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        // People read the file too, and it is never embedded in a web page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Generate()
    {
        var definitions = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal);
        var schema = new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema", ["title"] = "ClipTrain run" };
        foreach (var (name, value) in Section(OptionSection.Of(typeof(RunOptions)), definitions))
        {
            schema[name] = value?.DeepClone();
        }

        schema["$defs"] = new JsonObject(definitions);
        return schema.ToJsonString(s_indented) + "\n";
    }

    private static JsonObject Section(OptionSection section, SortedDictionary<string, JsonNode?> definitions)
    {
        var schema = new JsonObject
        {
            ["description"] = section.Description,
            ["type"] = "object",
            ["properties"] = new JsonObject(
                section.Keys.Select(key => KeyValuePair.Create(key.Name, (JsonNode?)Property(key, definitions)))
            ),
            ["additionalProperties"] = false,
        };
        var required = section.Keys.Where(key => key.Required).Select(key => (JsonNode?)key.Name).ToArray();
        if (required.Length > 0)
        {
            schema["required"] = new JsonArray(required);
        }

        return schema;
    }

    private static JsonObject Property(OptionKey key, SortedDictionary<string, JsonNode?> definitions)
    {
        var schema = new JsonObject { ["description"] = key.Description };
        foreach (var (name, value) in ValueSchema(key, definitions))
        {
            schema[name] = value?.DeepClone();
        }

        if (key.Minimum is { } minimum)
        {
            schema["minimum"] = minimum;
        }

        if (key.Maximum is { } maximum)
        {
            schema["maximum"] = maximum;
        }

        if (!key.Required && key.Kind != OptionKind.Section)
        {
            schema["default"] = Default(key);
        }

        return schema;
    }

    private static JsonObject ValueSchema(OptionKey key, SortedDictionary<string, JsonNode?> definitions) =>
        key.Kind switch
        {
            OptionKind.Section when key.ValueType == typeof(ModelOptions) => new JsonObject
            {
                ["oneOf"] = new JsonArray(new JsonObject { ["type"] = "string" }, Reference(key.ValueType, definitions)),
            },
            OptionKind.Section => Reference(key.ValueType, definitions),
            OptionKind.SectionList => new JsonObject { ["type"] = "array", ["items"] = Reference(key.ValueType, definitions) },
            OptionKind.TextList when key.OneOrMore => new JsonObject
            {
                ["type"] = new JsonArray("string", "array", "null"),
                ["items"] = new JsonObject { ["type"] = "string" },
            },
            OptionKind.NumberList => new JsonObject
            {
                ["type"] = "array",
                ["items"] = new JsonObject { ["type"] = "number" },
            },
            OptionKind.TextList => new JsonObject
            {
                ["type"] = "array",
                ["items"] = new JsonObject { ["type"] = "string" },
            },
            OptionKind.IntegerList => new JsonObject
            {
                ["type"] = "array",
                ["items"] = new JsonObject { ["type"] = "integer" },
            },
            OptionKind.Choice => new JsonObject { ["enum"] = new JsonArray([.. key.Choices.Select(choice => (JsonNode?)choice)]) },
            OptionKind.Flag => Scalar("boolean", key),
            OptionKind.Integer => Scalar("integer", key),
            OptionKind.Number => Scalar("number", key),
            OptionKind.Text => Scalar("string", key),
            _ => throw new ArgumentOutOfRangeException(nameof(key)),
        };

    private static JsonObject Scalar(string type, OptionKey key) => new() { ["type"] = key.Nullable ? new JsonArray(type, "null") : type };

    private static JsonObject Reference(Type type, SortedDictionary<string, JsonNode?> definitions)
    {
        var name = OptionSection.SnakeCase(type.Name.Replace("Options", "", StringComparison.Ordinal));
        if (!definitions.ContainsKey(name))
        {
            definitions[name] = null;
            definitions[name] = Section(OptionSection.Of(type), definitions);
        }

        return new JsonObject { ["$ref"] = $"#/$defs/{name}" };
    }

    private static JsonNode? Default(OptionKey key) =>
        key.Kind switch
        {
            OptionKind.Choice => OptionSection.SnakeCase(key.Default!.ToString()!),
            _ => JsonSerializer.SerializeToNode(key.Default),
        };
}
