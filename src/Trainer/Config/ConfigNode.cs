namespace ClipTrain.Trainer.Config;

/// <summary>
/// A node of a YAML document with its position. Unlike the library's own tree it can hold duplicate keys, so that they are reported
/// together with other errors.
/// </summary>
internal abstract class ConfigNode(SourcePosition position)
{
    public SourcePosition Position { get; } = position;
}

internal sealed class ScalarNode(string value, bool quoted, SourcePosition position) : ConfigNode(position)
{
    public string Value { get; } = value;

    /// <summary>Quoted and block scalars are always text; a plain one may be a number, a flag or null.</summary>
    public bool Quoted { get; } = quoted;

    public bool IsNull => !Quoted && Value is ("" or "~" or "null" or "Null" or "NULL");
}

internal sealed class SequenceNode(SourcePosition position) : ConfigNode(position)
{
    public List<ConfigNode> Items { get; } = [];
}

internal sealed class MappingNode(SourcePosition position) : ConfigNode(position)
{
    public List<ConfigEntry> Entries { get; } = [];

    public ConfigEntry? Find(string key) => Entries.Find(entry => string.Equals(entry.Key, key, StringComparison.Ordinal));

    /// <summary>Replaces the key's value, or adds the key.</summary>
    public void Set(string key, SourcePosition position, ConfigNode value)
    {
        var index = Entries.FindIndex(entry => string.Equals(entry.Key, key, StringComparison.Ordinal));
        var replaced = new ConfigEntry(key, position, value);
        if (index < 0)
        {
            Entries.Add(replaced);
        }
        else
        {
            Entries[index] = replaced;
        }
    }
}

/// <summary>Placeholder for a value whose error has already been reported.</summary>
internal sealed class InvalidNode(SourcePosition position) : ConfigNode(position);

internal sealed record ConfigEntry(string Key, SourcePosition Position, ConfigNode Value);
