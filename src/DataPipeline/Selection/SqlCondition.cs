using System.Text.RegularExpressions;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>Checks that a text is a single SQL condition.</summary>
internal static partial class SqlCondition
{
    /// <summary>
    /// Functions whose result can be much larger than their arguments, which the database's memory limit does not cover.
    /// </summary>
    private static readonly HashSet<string> Growing = new(StringComparer.OrdinalIgnoreCase)
    {
        "range",
        "generate_series",
        "repeat",
        "lpad",
        "rpad",
        "list_resize",
        "array_resize",
        "format",
        "printf",
        "bar",
        "to_base",
        "bitstring",
    };

    /// <summary>
    /// The reason why a text is not a single condition, to be appended to the text; null if it may be one. The database checks the rest.
    /// </summary>
    public static string? ErrorIn(string text)
    {
        var depth = 0;
        var empty = true;
        ReadOnlySpan<char> before = [];
        foreach (var token in Token().EnumerateMatches(text))
        {
            var part = text.AsSpan(token.Index, token.Length);
            empty = false;
            switch (part)
            {
                case ";" or "--" or "/*" or "$":
                    return $"contains {part}; write a single condition, as in clip_score > 0.28 and width >= 200";
                case "(" when Growing.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(before.Trim('"'), out var function):
                    return $"calls {function}, which can build arbitrarily large values; only functions whose result is no larger than "
                        + "their arguments are allowed";
                case "(":
                    depth++;
                    break;
                case ")" when --depth < 0:
                    return "closes a parenthesis that is not open";
                case "'" or "\"":
                    return $"has an unclosed quotation mark {part}";
                case var word when word.Equals("select", StringComparison.OrdinalIgnoreCase):
                    return "contains a query; only conditions on the corpus's own columns are allowed";
            }

            before = part;
        }

        return empty ? "is empty"
            : depth > 0 ? "has an unclosed parenthesis"
            : null;
    }

    // Quotations and words as whole tokens.
    [GeneratedRegex(
        """'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|--|/\*|\S""",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Token();
}
