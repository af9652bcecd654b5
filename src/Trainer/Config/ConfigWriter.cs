using System.Collections;
using System.Globalization;
using System.Text;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>
/// Writes options as YAML with every key, so that a run's file records its complete configuration. Loading the text gives equal
/// options.
/// </summary>
public static class ConfigWriter
{
    private const int Indent = 2;

    public static string Write(RunOptions options) => WriteRecord(options, omitsDefaults: false);

    /// <summary>
    /// YAML of the keys whose values differ from the default, so that a new option in a later version does not change the text.
    /// </summary>
    public static string WriteChanged(RunOptions options) => WriteRecord(options, omitsDefaults: true);

    public static string WriteModel(ModelOptions options) => WriteRecord(options, omitsDefaults: false);

    private static string WriteRecord(object record, bool omitsDefaults)
    {
        var text = new StringBuilder();
        WriteSection(text, record, indent: 0, omitsDefaults);
        return text.ToString();
    }

    private static void WriteSection(StringBuilder text, object record, int indent, bool omitsDefaults)
    {
        var defaults = omitsDefaults ? Activator.CreateInstance(record.GetType()) : null;
        foreach (var key in OptionSection.Of(record.GetType()).Keys)
        {
            var value = key.Property.GetValue(record);
            if (defaults is not null && IsSame(value, key.Property.GetValue(defaults)))
            {
                continue;
            }

            Pad(text, indent).Append(key.Name).Append(':');
            WriteValue(text, value, indent, omitsDefaults);
        }
    }

    /// <summary>Compares values as they are written: lists and sections by their contents.</summary>
    private static bool IsSame(object? value, object? other)
    {
        var (text, otherText) = (new StringBuilder(), new StringBuilder());
        WriteValue(text, value, indent: 0, omitsDefaults: false);
        WriteValue(otherText, other, indent: 0, omitsDefaults: false);
        return text.Equals(otherText);
    }

    private static void WriteValue(StringBuilder text, object? value, int indent, bool omitsDefaults)
    {
        switch (value)
        {
            case null or string or bool or int or long or ulong or double or Enum:
                text.Append(' ').Append(Scalar(value)).Append('\n');
                break;
            case ICollection { Count: 0 }:
                text.Append(" []\n");
                break;
            case IEnumerable items:
                text.Append('\n');
                foreach (var item in items)
                {
                    WriteItem(text, item, indent + Indent, omitsDefaults);
                }

                break;
            default:
                text.Append('\n');
                WriteSection(text, value, indent + Indent, omitsDefaults);
                break;
        }
    }

    private static void WriteItem(StringBuilder text, object item, int indent, bool omitsDefaults)
    {
        if (item is string or int or double)
        {
            Pad(text, indent).Append("- ").Append(Scalar(item)).Append('\n');
            return;
        }

        // The first key of a section is on the line of its dash.
        var start = text.Length;
        WriteSection(text, item, indent + Indent, omitsDefaults);
        if (text.Length == start)
        {
            Pad(text, indent).Append("- {}\n");
        }
        else
        {
            text[start + indent] = '-';
        }
    }

    private static StringBuilder Pad(StringBuilder text, int indent) => text.Append(' ', indent);

    private static string Scalar(object? value) =>
        value switch
        {
            null => "null",
            string s => IsPlain(s) ? s : Quote(s),
            bool flag => flag ? "true" : "false",
            Enum choice => OptionSection.SnakeCase(choice.ToString()),
            IFormattable number => number.ToString(format: null, CultureInfo.InvariantCulture),
            _ => throw new ArgumentException($"A {value.GetType()} is not a scalar.", nameof(value)),
        };

    private static bool IsPlain(string value) =>
        value.Length > 0
        && (char.IsAsciiLetter(value[0]) || value[0] is '/' or '.' or '_')
        && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-')
        && ScalarReader.IsPlainText(value);

    private static string Quote(string value)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                // Characters that YAML does not print, and those that it treats as line breaks.
                _ when char.IsControl(c) || c is '\u2028' or '\u2029' or '\uFEFF' or '\uFFFE' or '\uFFFF' => quoted.Append(
                    CultureInfo.InvariantCulture,
                    $"\\u{(int)c:X4}"
                ),
                _ => quoted.Append(c),
            };
        }

        return quoted.Append('"').ToString();
    }
}
