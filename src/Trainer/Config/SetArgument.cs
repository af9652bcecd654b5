using System.Globalization;

namespace ClipTrain.Trainer.Config;

/// <summary>One <c>--set a.b=value</c>: a path of keys and list indexes, and a YAML value.</summary>
internal sealed class SetArgument
{
    private readonly SourcePosition _position;
    private readonly ConfigNode _value;

    private SetArgument(SourcePosition position, IReadOnlyList<string> path, ConfigNode value)
    {
        _position = position;
        Path = path;
        _value = value;
    }

    public IReadOnlyList<string> Path { get; }

    /// <exception cref="ConfigException">The argument has no path, or its value is not valid YAML.</exception>
    public static SetArgument Parse(string text)
    {
        var position = new SourcePosition($"--set {text}");
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var path = equals < 0 ? [] : text[..equals].Trim().Split('.');
        if (path.Length == 0 || path.Any(string.IsNullOrWhiteSpace))
        {
            throw new ConfigException(position, "expects KEY=VALUE, as in training.steps=1000");
        }

        return new SetArgument(position, path, YamlTree.ReadValue(text[(equals + 1)..], position));
    }

    /// <summary>Puts the value into the tree. Creates missing keys on the path; the binder reports keys that no section has.</summary>
    /// <exception cref="ConfigException">The path goes through a value, or past the end of a list.</exception>
    public void Apply(MappingNode root) => Replace(root, 0);

    private ConfigNode Replace(ConfigNode? node, int depth)
    {
        if (depth == Path.Count)
        {
            return _value;
        }

        var segment = Path[depth];
        var isIndex = int.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out var index);
        if (node is null or ScalarNode { IsNull: true })
        {
            node = isIndex ? new SequenceNode(_position) : new MappingNode(_position);
        }

        switch (node)
        {
            case MappingNode mapping:
                mapping.Set(segment, _position, Replace(mapping.Find(segment)?.Value, depth + 1));
                return mapping;
            case SequenceNode sequence when isIndex && index < sequence.Items.Count:
                sequence.Items[index] = Replace(sequence.Items[index], depth + 1);
                return sequence;
            case SequenceNode sequence when isIndex && index == sequence.Items.Count:
                sequence.Items.Add(Replace(node: null, depth + 1));
                return sequence;
            case SequenceNode sequence:
                throw new ConfigException(
                    _position,
                    $"'{Prefix(depth)}' is a list of {sequence.Items.Count}; '{segment}' must be an index from 0 to "
                        + $"{sequence.Items.Count}, the last of which adds an item"
                );
            case InvalidNode:
                return node;
            default:
                throw new ConfigException(_position, $"'{Prefix(depth)}' is a value and has no key '{segment}'");
        }
    }

    private string Prefix(int depth) => string.Join('.', Path.Take(depth));
}
