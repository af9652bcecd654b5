using System.Collections;

namespace ClipTrain.Trainer.Config;

/// <summary>Fills option records from YAML nodes and collects all errors.</summary>
internal sealed class OptionBinder(OptionSection root)
{
    private readonly Dictionary<string, SourcePosition> _positions = new(StringComparer.Ordinal);
    private readonly HashSet<string> _failed = new(StringComparer.Ordinal);

    public List<ConfigError> Errors { get; } = [];

    /// <summary>Binds a record of the root's type. Keys with errors keep their default, or stay unset.</summary>
    public object Bind(MappingNode node)
    {
        _positions[""] = node.Position;
        return BindSection(root, node, "");
    }

    /// <summary>True if the key and all sections around it were read without an error.</summary>
    public bool IsBound(string path)
    {
        for (var end = path.Length; end > 0; end = path.LastIndexOf('.', end - 1))
        {
            if (_failed.Contains(path[..end]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Position of the key if it was given, otherwise of the section around it.</summary>
    public SourcePosition PositionOf(string path)
    {
        while (!_positions.ContainsKey(path))
        {
            path = path.Contains('.', StringComparison.Ordinal) ? path[..path.LastIndexOf('.')] : "";
        }

        return _positions[path];
    }

    private object BindSection(OptionSection section, MappingNode node, string path)
    {
        var record = Activator.CreateInstance(section.Type)!;
        var seen = new Dictionary<string, SourcePosition>(StringComparer.Ordinal);
        var meant = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in node.Entries)
        {
            var keyPath = UnknownKey.Join(path, entry.Key);
            if (section.Find(entry.Key) is not { } key)
            {
                var (advice, meantKey) = UnknownKey.Explain(entry.Key, section, root);
                Report(entry.Position, $"key '{keyPath}' is not known; {advice}");
                if (meantKey is not null)
                {
                    meant.Add(meantKey);
                }
            }
            else if (!seen.TryAdd(entry.Key, entry.Position))
            {
                Report(entry.Position, $"key '{keyPath}' is given twice; it was first given at {seen[entry.Key]}");
            }
            else
            {
                _positions[keyPath] = entry.Position;
                if (TryBindValue(key, entry.Value, keyPath, out var value))
                {
                    key.Property.SetValue(record, value);
                }
                else
                {
                    _failed.Add(keyPath);
                }
            }
        }

        // The intended key of a misspelt one is missing; rules about it would only repeat the error.
        _failed.UnionWith(meant.Where(key => !seen.ContainsKey(key)).Select(key => UnknownKey.Join(path, key)));
        foreach (var key in section.Keys.Where(key => key.Required && !seen.ContainsKey(key.Name)))
        {
            var keyPath = UnknownKey.Join(path, key.Name);
            _failed.Add(keyPath);
            if (!meant.Contains(key.Name))
            {
                Report(node.Position, $"key '{keyPath}' is missing: {key.Description}");
            }
        }

        return record;
    }

    private bool TryBindValue(OptionKey key, ConfigNode node, string path, out object? value)
    {
        value = null;
        switch (key.Kind, node)
        {
            case (_, InvalidNode):
                return false;
            case (OptionKind.Section, MappingNode mapping):
                value = BindSection(OptionSection.Of(key.ValueType), mapping, path);
                return true;
            case (OptionKind.Section, ScalarNode { IsNull: true }):
                // A section whose keys are all commented out.
                value = BindSection(OptionSection.Of(key.ValueType), new MappingNode(node.Position), path);
                return true;
            case (OptionKind.IntegerList, ScalarNode { IsNull: true }) when key.Nullable:
                return true;
            case (OptionKind.TextList or OptionKind.NumberList or OptionKind.IntegerList or OptionKind.SectionList, SequenceNode sequence):
                return TryBindList(key, sequence, path, out value);
            case (OptionKind.TextList, ScalarNode one) when key.OneOrMore:
                value = one.IsNull ? null : (IReadOnlyList<string>)[one.Value];
                return true;
            case (
                not (
                    OptionKind.Section
                    or OptionKind.TextList
                    or OptionKind.NumberList
                    or OptionKind.IntegerList
                    or OptionKind.SectionList
                ),
                ScalarNode scalar
            ):
                (value, var error) = ScalarReader.Read(scalar, key);
                if (error is not null)
                {
                    Report(node.Position, $"key '{path}' {error}");
                }

                return error is null;
            case (OptionKind.TextList or OptionKind.NumberList or OptionKind.IntegerList, ScalarNode { IsNull: false } scalar):
                Report(node.Position, $"key '{path}' {ScalarReader.WrongType(key.Kind, node)}; write [{scalar.Value}]");
                return false;
            default:
                Report(node.Position, $"key '{path}' {ScalarReader.WrongType(key.Kind, node)}");
                return false;
        }
    }

    private bool TryBindList(OptionKey key, SequenceNode sequence, string path, out object? value)
    {
        var item = key with { Kind = ItemKind(key.Kind), Nullable = false };
        var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(key.ValueType))!;
        var whole = true;
        for (var i = 0; i < sequence.Items.Count; i++)
        {
            var itemPath = $"{path}.{i}";
            _positions[itemPath] = sequence.Items[i].Position;
            if (!TryBindValue(item, sequence.Items[i], itemPath, out var element))
            {
                whole = false;
                _failed.Add(itemPath);
            }

            // An invalid item keeps its place, so that the indexes of the others stay correct.
            list.Add(element ?? (key.ValueType.IsValueType ? Activator.CreateInstance(key.ValueType) : null));
        }

        value = list;
        return whole || key.Kind == OptionKind.SectionList;
    }

    private static OptionKind ItemKind(OptionKind list) =>
        list switch
        {
            OptionKind.TextList => OptionKind.Text,
            OptionKind.NumberList => OptionKind.Number,
            OptionKind.IntegerList => OptionKind.Integer,
            _ => OptionKind.Section,
        };

    private void Report(SourcePosition position, string message) => Errors.Add(new ConfigError(position, message));
}
