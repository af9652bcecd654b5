namespace ClipTrain.Trainer.Config;

/// <summary>
/// A node of a YAML document that knows where it was written. Unlike the library's own tree it can hold a key twice, so that this is
/// one error among the others.
/// </summary>
internal abstract class ConfigNode(SourcePosition position)
{
    public SourcePosition Position { get; } = position;
}

internal sealed class ScalarNode(string value, bool quoted, SourcePosition position) : ConfigNode(position)
{
    public string Value { get; } = value;

    /// <summary>Quoted and block scalars are always text; a plain one may be a number, a flag or nothing.</summary>
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
            Entries.Add(replaced);
        else
            Entries[index] = replaced;
    }
}

/// <summary>Stands for a value whose error has been reported already.</summary>
internal sealed class InvalidNode(SourcePosition position) : ConfigNode(position);

internal sealed record ConfigEntry(string Key, SourcePosition Position, ConfigNode Value);
