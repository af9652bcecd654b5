using System.Globalization;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>Image classes in a column: numbers from 0, or names from a list.</summary>
public sealed class ClassLabels
{
    private readonly int _classes;
    private readonly Dictionary<string, long> _numbers;

    /// <param name="column">Name of the column.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="names">Class names in order of their numbers; empty if the column holds numbers.</param>
    public ClassLabels(string column, int classes, IReadOnlyList<string> names)
    {
        (Column, _classes) = (column, classes);
        _numbers = names.Index().ToDictionary(name => name.Item, name => (long)name.Index, StringComparer.Ordinal);
    }

    /// <summary>Name of the column.</summary>
    public string Column { get; }

    /// <summary>The class number of a column value; null if the value is not a class.</summary>
    public long? Parse(string? value)
    {
        if (value is null)
        {
            return null;
        }

        if (_numbers.Count > 0)
        {
            return _numbers.TryGetValue(value, out var number) ? number : null;
        }

        return
            long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var label)
            && label >= 0
            && label < _classes
            ? label
            : null;
    }

    /// <summary>The reason why a value is not a class.</summary>
    public string Refuse(string? value) =>
        value is null ? $"the label, column {Column}, is null"
        : _numbers.Count > 0 ? $"the label, column {Column}, is '{value}', which is not one of the {_classes} names in data.label_names"
        : $"the label, column {Column}, is '{value}', not a number from 0 to {_classes - 1}";
}
