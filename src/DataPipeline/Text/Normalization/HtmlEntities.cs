using System.Globalization;
using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>HTML character references, parsed as in the HTML 5 standard (which Python's html.unescape follows).</summary>
internal static class HtmlEntities
{
    private const int MaxNameLength = 32;

    /// <summary>Names without their ampersand, most with a semicolon; the standard's table.</summary>
    private static readonly Dictionary<string, string> Names = Table
        .Read("html5-entities.txt")
        .ToDictionary(
            line => line[0],
            line => line[1].Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\t", "\t", StringComparison.Ordinal),
            StringComparer.Ordinal
        );

    /// <summary>
    /// Replaces all references: numbers, names, and the legacy names that need no semicolon, even at the beginning of a longer word.
    /// </summary>
    public static string Unescape(string text) => Replace(text, Any);

    /// <summary>
    /// Replaces only unambiguous references: numbers and names that end with a semicolon, including names in capitals (&amp;EACUTE; as
    /// é).
    /// </summary>
    /// <remarks>An ampersand that results is parsed again with the text after it: <c>&amp;amp;amp;lt;</c> is one reference, however often
    /// it was escaped.</remarks>
    public static string UnescapeTerminated(string text) => Replace(text, Escaped);

    private static (string? Text, int Length) Escaped(string text, int at)
    {
        var (replacement, length) = Terminated(text, at);
        // The reference's last character takes the ampersand's place.
        while (replacement == "&" && Terminated(text, at + length - 1) is ({ } inner, var more))
        {
            (replacement, length) = (inner, length + more - 1);
        }

        return (replacement, length);
    }

    private static string Replace(string text, Func<string, int, (string? Text, int Length)> reference)
    {
        var at = text.IndexOf('&', StringComparison.Ordinal);
        if (at < 0)
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        var copied = 0;
        for (; at >= 0; at = text.IndexOf('&', at))
        {
            var (replacement, length) = reference(text, at);
            if (replacement is not null)
            {
                result.Append(text, copied, at - copied).Append(replacement);
                copied = at + length;
            }

            at += Math.Max(length, 1);
        }

        return copied == 0 ? text : result.Append(text, copied, text.Length - copied).ToString();
    }

    private static (string? Text, int Length) Any(string text, int at)
    {
        if (Number(text, at) is var (number, length) && length > 0)
        {
            return (number, length);
        }

        var end = at + 1;
        while (end < text.Length && end - at <= MaxNameLength && text[end] is not ('\t' or '\n' or '\f' or ' ' or '<' or '&' or '#' or ';'))
        {
            end++;
        }

        if (end < text.Length && text[end] == ';')
        {
            end++;
        }

        var lookup = Names.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var nameEnd = end; nameEnd - at > 2; nameEnd--)
        {
            if (lookup.TryGetValue(text.AsSpan(at + 1, nameEnd - at - 1), out var characters))
            {
                return (characters, nameEnd - at);
            }
        }

        return (null, end - at);
    }

    private static (string? Text, int Length) Terminated(string text, int at)
    {
        if (Number(text, at) is var (number, length) && length > 0)
        {
            return text[at + length - 1] == ';' ? (number, length) : (null, length);
        }

        const int longest = 24;
        var end = text.IndexOf(';', at + 1, Math.Min(longest + 1, text.Length - at - 1));
        if (end < 0 || end - at - 1 < 1 || text.AsSpan((at + 1)..end).ContainsAnyExcept(Table.AsciiLettersAndDigits))
        {
            return (null, 1);
        }

        var name = text[(at + 1)..(end + 1)];
        var known =
            Names.TryGetValue(name, out var characters)
            || (!name.Any(char.IsAsciiLetterLower) && Names.TryGetValue(name.ToLowerInvariant(), out characters));
        return (known ? characters : null, end + 1 - at);
    }

    /// <summary>A numeric reference; length 0 if there is none.</summary>
    private static (string Text, int Length) Number(string text, int at)
    {
        var digits = at + 2;
        if (digits >= text.Length || text[at + 1] != '#')
        {
            return ("", 0);
        }

        var hexadecimal = text[digits] is 'x' or 'X';
        if (hexadecimal)
        {
            digits++;
        }

        var end = digits;
        while (end < text.Length && (hexadecimal ? char.IsAsciiHexDigit(text[end]) : char.IsAsciiDigit(text[end])))
        {
            end++;
        }

        if (end == digits)
        {
            return ("", 0);
        }

        var value = 0L;
        for (var i = digits; i < end && value <= 0x10FFFF; i++)
        {
            value = (value * (hexadecimal ? 16 : 10)) + int.Parse(text.AsSpan(i, 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }

        return (Character(value), end - at + (end < text.Length && text[end] == ';' ? 1 : 0));
    }

    /// <summary>
    /// The character of a numeric reference: Windows-1252 at 0x80 to 0x9F, nothing for other control characters and non-characters.
    /// </summary>
    private static string Character(long value) =>
        value switch
        {
            0 or (>= 0xD800 and <= 0xDFFF) or > 0x10FFFF => "\uFFFD",
            >= 0x80 and <= 0x9F => Windows1252.Character((byte)value).ToString(),
            (>= 1 and <= 8) or 0xB or (>= 0xE and <= 0x1F) or 0x7F or (>= 0xFDD0 and <= 0xFDEF) => "",
            _ => (value & 0xFFFE) == 0xFFFE ? "" : char.ConvertFromUtf32((int)value),
        };
}
