using System.Globalization;

namespace ClipTrain.Trainer.Config;

/// <summary>Converts YAML scalars (the core schema of YAML 1.2) to option values.</summary>
internal static class ScalarReader
{
    /// <summary>The value of <paramref name="scalar"/>, or an error.</summary>
    public static (object? Value, string? Error) Read(ScalarNode scalar, OptionKey key)
    {
        if (scalar.IsNull)
        {
            return key.Nullable ? (null, null) : (null, $"needs a value: {Expected(key.Kind)}");
        }

        return key.Kind switch
        {
            OptionKind.Text => (scalar.Value, null),
            OptionKind.Flag => ReadFlag(scalar),
            OptionKind.Integer => ReadInteger(scalar, key),
            OptionKind.Number => ReadNumber(scalar, key),
            OptionKind.Choice => ReadChoice(scalar, key),
            _ => (null, WrongType(key.Kind, scalar)),
        };
    }

    public static string WrongType(OptionKind expected, ConfigNode found) => $"expects {Expected(expected)}, found {Found(found)}";

    /// <summary>True if a plain scalar would be read as text.</summary>
    public static bool IsPlainText(string value) =>
        !new ScalarNode(value, quoted: false, default).IsNull && !TryFlag(value, out _) && !TryNumber(value, out _);

    /// <summary>A bound in plain decimal notation, without an exponent.</summary>
    public static string Show(double value) => value.ToString("0.##########", CultureInfo.InvariantCulture);

    private static string Expected(OptionKind kind) =>
        kind switch
        {
            OptionKind.Text => "text",
            OptionKind.Flag => "true or false",
            OptionKind.Integer => "a whole number",
            OptionKind.Number => "a number",
            OptionKind.Choice => "one of the allowed words",
            OptionKind.TextList or OptionKind.NumberList or OptionKind.IntegerList or OptionKind.SectionList => "a list",
            OptionKind.Section => "keys and values",
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };

    private static string Found(ConfigNode node) =>
        node switch
        {
            ScalarNode { IsNull: true } => "nothing",
            ScalarNode { Quoted: false } scalar when !IsPlainText(scalar.Value) => scalar.Value,
            ScalarNode scalar => $"the text '{scalar.Value}'",
            SequenceNode => "a list",
            _ => "keys and values",
        };

    private static (object? Value, string? Error) ReadFlag(ScalarNode scalar) =>
        !scalar.Quoted && TryFlag(scalar.Value, out var value) ? (value, null) : (null, WrongType(OptionKind.Flag, scalar));

    private static bool TryFlag(string text, out bool value)
    {
        value = text is "true" or "True" or "TRUE";
        return value || text is "false" or "False" or "FALSE";
    }

    private static (object? Value, string? Error) ReadInteger(ScalarNode scalar, OptionKey key)
    {
        var digits = scalar.Value.AsSpan().TrimStart("+-");
        if (scalar.Quoted || digits.IsEmpty || scalar.Value.Length - digits.Length > 1 || digits.ContainsAnyExceptInRange('0', '9'))
        {
            return (null, WrongType(OptionKind.Integer, scalar));
        }

        const NumberStyles Style = NumberStyles.AllowLeadingSign;
        var invariant = CultureInfo.InvariantCulture;
        object? value = null;
        if (key.ValueType == typeof(int))
        {
            value = int.TryParse(scalar.Value, Style, invariant, out var i) ? i : null;
        }
        else if (key.ValueType == typeof(long))
        {
            value = long.TryParse(scalar.Value, Style, invariant, out var l) ? l : null;
        }
        else
        {
            value = ulong.TryParse(scalar.Value, Style, invariant, out var u) ? u : null;
        }

        if (value is not null)
        {
            return Bounded(value, Convert.ToDouble(value, invariant), scalar, key);
        }

        return scalar.Value[0] == '-' && key.Minimum is not null
            ? (null, OutOfRange(scalar, key))
            : (null, $"is {scalar.Value}, which is too large; it must be at most {MaxValue(key)}");
    }

    private static string MaxValue(OptionKey key) =>
        key.ValueType == typeof(int) ? $"{int.MaxValue}"
        : key.ValueType == typeof(long) ? $"{long.MaxValue}"
        : $"{ulong.MaxValue}";

    private static (object? Value, string? Error) ReadNumber(ScalarNode scalar, OptionKey key)
    {
        if (scalar.Quoted || !TryNumber(scalar.Value, out var value))
        {
            return (null, WrongType(OptionKind.Number, scalar));
        }

        return double.IsFinite(value) ? Bounded(value, value, scalar, key) : (null, $"is {scalar.Value} but must be finite");
    }

    private static bool TryNumber(string text, out double value)
    {
        switch (text.ToLowerInvariant())
        {
            case ".nan":
                value = double.NaN;
                return true;
            case ".inf" or "+.inf":
                value = double.PositiveInfinity;
                return true;
            case "-.inf":
                value = double.NegativeInfinity;
                return true;
        }

        // TryParse also accepts words for infinity; YAML's core schema does not.
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        value = 0;
        return !text.AsSpan().ContainsAnyExcept("+-.0123456789eE") && double.TryParse(text, Style, CultureInfo.InvariantCulture, out value);
    }

    private static (object? Value, string? Error) ReadChoice(ScalarNode scalar, OptionKey key)
    {
        var names = key.Choices;
        for (var i = 0; i < names.Count; i++)
        {
            if (string.Equals(names[i], scalar.Value, StringComparison.Ordinal))
            {
                return (Enum.GetValues(key.ValueType).GetValue(i), null);
            }
        }

        return (null, $"is '{scalar.Value}' but must be one of {string.Join(", ", names)}");
    }

    private static (object? Value, string? Error) Bounded(object value, double comparable, ScalarNode scalar, OptionKey key) =>
        comparable < key.Minimum || comparable > key.Maximum ? (null, OutOfRange(scalar, key)) : (value, null);

    private static string OutOfRange(ScalarNode scalar, OptionKey key) =>
        (key.Minimum, key.Maximum) switch
        {
            ({ } minimum, { } maximum) => $"is {scalar.Value} but must be from {Show(minimum)} to {Show(maximum)}",
            ({ } minimum, null) => $"is {scalar.Value} but must be at least {Show(minimum)}",
            (_, var maximum) => $"is {scalar.Value} but must be at most {Show(maximum!.Value)}",
        };
}
