using System.Text.RegularExpressions;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>Tells a single SQL expression from more than that.</summary>
internal static partial class SqlCondition
{
    /// <summary>Functions that make large values out of small ones: what they take is not in the database's memory limit.</summary>
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

    /// <summary>Why a text is no single condition, going on from the text; null when it may be one. The database checks the rest.</summary>
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
                    return $"holds {part}; it must be one condition, as in clip_score > 0.28 and width >= 200";
                case "(" when Growing.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(before.Trim('"'), out var function):
                    return $"calls {function}, which makes values as large as a number says; only functions whose result is as large as "
                        + "what they are given are possible";
                case "(":
                    depth++;
                    break;
                case ")" when --depth < 0:
                    return "closes a parenthesis that it does not open";
                case "'" or "\"":
                    return $"opens a quotation with {part} that it does not close";
                case var word when word.Equals("select", StringComparison.OrdinalIgnoreCase):
                    return "holds a query: only conditions over the corpus' own columns are possible";
            }

            before = part;
        }

        return empty ? "is empty"
            : depth > 0 ? "opens a parenthesis that it does not close"
            : null;
    }

    // Quotations and words whole.
    [GeneratedRegex(
        """'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|--|/\*|\S""",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Token();
}
