using System.Text.Json;
using ClipTrain.DataPipeline.Images;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>
/// An object in another program's JSON configuration. Its errors name file and key, and it tracks which keys have been read.
/// </summary>
internal sealed class ConfigObject
{
    private readonly string _place;
    private readonly string _prefix;
    private readonly Dictionary<string, JsonElement> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    /// <param name="place">Name of the file.</param>
    /// <param name="prefix">Prefix of its keys in messages.</param>
    /// <exception cref="WeightsException">The element is not an object.</exception>
    public ConfigObject(JsonElement json, string place, string prefix)
    {
        (_place, _prefix) = (place, prefix);
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new WeightsException(
                prefix.Length == 0 ? $"{place}: is not a JSON object." : $"{place}: '{prefix.TrimEnd('.')}' is not an object."
            );
        }

        foreach (var property in json.EnumerateObject())
        {
            _values[property.Name] = property.Value.Clone();
        }
    }

    /// <exception cref="WeightsException">The file does not exist, or is not a JSON object.</exception>
    public static ConfigObject Load(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return new ConfigObject(json.RootElement, path, "");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new WeightsException($"{path}: cannot be read as JSON: {error.Message}", error);
        }
    }

    /// <summary>True if a key has a value other than null.</summary>
    public bool Has(string key) => Value(key) is not null;

    /// <summary>True if a key's value is an object.</summary>
    public bool HasObject(string key) => Value(key) is { ValueKind: JsonValueKind.Object };

    public ConfigObject Object(string key) =>
        Value(key) is { } value ? new ConfigObject(value, _place, $"{_prefix}{key}.") : throw Wrong(key, "is missing");

    /// <summary>Adds the keys of another object, which take precedence.</summary>
    public void Overlay(ConfigObject other)
    {
        foreach (var (key, value) in other._values)
        {
            _values[key] = value;
        }
    }

    public int Integer(string key, int? fallback = null) =>
        Value(key) switch
        {
            { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) && number > 0 => number,
            null => fallback ?? throw Wrong(key, "is missing"),
            _ => throw Wrong(key, "is not a whole number above zero"),
        };

    public double Number(string key, double fallback) =>
        Value(key) switch
        {
            { ValueKind: JsonValueKind.Number } value when value.TryGetDouble(out var number) && double.IsFinite(number) => number,
            null => fallback,
            _ => throw Wrong(key, "is not a number"),
        };

    public bool Flag(string key, bool fallback = false) =>
        Value(key) switch
        {
            { ValueKind: JsonValueKind.True } => true,
            { ValueKind: JsonValueKind.False } => false,
            null => fallback,
            _ => throw Wrong(key, "is neither true nor false"),
        };

    public string? Text(string key) =>
        Value(key) switch
        {
            { ValueKind: JsonValueKind.String } value => value.GetString(),
            null => null,
            _ => throw Wrong(key, "is not a string"),
        };

    /// <summary>A list of whole numbers, or null if the value is not a list.</summary>
    public IReadOnlyList<int>? Integers(string key) =>
        Value(key) is { ValueKind: JsonValueKind.Array } list
            ?
            [
                .. list.EnumerateArray()
                    .Select(item =>
                        item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number)
                            ? number
                            : throw Wrong(key, "is not a list of whole numbers")
                    ),
            ]
            : null;

    public IReadOnlyList<float>? Floats(string key) =>
        Value(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array
            ?
            [
                .. value
                    .EnumerateArray()
                    .Select(item =>
                        item.ValueKind == JsonValueKind.Number && item.TryGetSingle(out var number)
                            ? number
                            : throw Wrong(key, "is not a list of numbers")
                    ),
            ]
        : throw Wrong(key, "is not a list of numbers");

    /// <summary>Means and deviations of three channels; CLIP's if they are missing.</summary>
    public ImageNormalization Normalization(string mean, string std)
    {
        var (means, deviations) = (Floats(mean) ?? ImageNormalization.Clip.Mean, Floats(std) ?? ImageNormalization.Clip.Std);
        return means.Count != 3 || !means.All(float.IsFinite) ? throw Wrong(mean, "is not a list of three numbers")
            : deviations.Count != 3 || !deviations.All(value => value > 0 && float.IsFinite(value))
                ? throw Wrong(std, "is not a list of three numbers above zero")
            : new ImageNormalization(means, deviations);
    }

    /// <summary>Marks keys as irrelevant: they may have any value.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            _read.Add(key);
        }
    }

    /// <summary>Rejects keys that were neither read nor ignored and are enabled: ClipTrain does not support what they select.</summary>
    public void RefuseOthers()
    {
        foreach (var (key, value) in _values)
        {
            if (!_read.Contains(key) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False))
            {
                throw Wrong(key, $"is {value.GetRawText()}, which models of ClipTrain do not have");
            }
        }
    }

    public WeightsException Wrong(string key, string why) => new($"{_place}: '{_prefix}{key}' {why}.");

    private JsonElement? Value(string key)
    {
        _read.Add(key);
        return _values.TryGetValue(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }
}
