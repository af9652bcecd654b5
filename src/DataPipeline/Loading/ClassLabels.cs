using System.Globalization;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>How a column tells the class of an image: as a number from 0, or as one of some names.</summary>
public sealed class ClassLabels
{
    private readonly int _classes;
    private readonly Dictionary<string, long> _numbers;

    /// <param name="column">The column.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="names">Their names in the order of their numbers; none where the column holds numbers.</param>
    public ClassLabels(string column, int classes, IReadOnlyList<string> names)
    {
        (Column, _classes) = (column, classes);
        _numbers = names.Index().ToDictionary(name => name.Item, name => (long)name.Index, StringComparer.Ordinal);
    }

    public string Column { get; }

    /// <summary>The class that a value of the column tells; null when it tells none.</summary>
    public long? Parse(string? value)
    {
        if (value is null)
            return null;
        if (_numbers.Count > 0)
            return _numbers.TryGetValue(value, out var number) ? number : null;
        return
            long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var label)
            && label >= 0
            && label < _classes
            ? label
            : null;
    }

    /// <summary>Why a value tells no class.</summary>
    public string Refuse(string? value) =>
        value is null ? $"the label, column {Column}, is null"
        : _numbers.Count > 0 ? $"the label, column {Column}, is '{value}', none of the {_classes} names of data.label_names"
        : $"the label, column {Column}, is '{value}', not a number from 0 to {_classes - 1}";
}
