using System.Text;
using System.Text.RegularExpressions;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>
/// Unifies characters that differ only in appearance: curly quotes become straight, Latin ligatures and digraphs letters, full-width
/// ASCII and half-width katakana their normal width, C1 controls the Windows-1252 characters they were misread from; invisible control
/// characters and terminal escape sequences are removed.
/// </summary>
internal static partial class Typography
{
    private const char Escape = '\x1B';

    /// <summary>U+FF61 to U+FF9F. The voicing marks at the end become combining ones.</summary>
    private const string Katakana =
        "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u3099\u309A";

    /// <summary>U+FFE0 to U+FFE6.</summary>
    private const string Signs = "¢£¬\u0304¦¥₩";

    public static string Straighten(string text) =>
        text.Contains(Escape, StringComparison.Ordinal)
            ? Replace(EscapeSequence().Replace(Replace(text, keepControls: true), ""), keepControls: false)
            : Replace(text, keepControls: false);

    /// <summary>Replaces characters; control characters stay on request, since they break an escape sequence as ftfy reads it.</summary>
    private static string Replace(string text, bool keepControls)
    {
        var at = 0;
        while (at < text.Length && Replacement(text[at]) is null)
        {
            at++;
        }

        if (at == text.Length)
        {
            return text;
        }

        var result = new StringBuilder(text.Length).Append(text, 0, at);
        for (; at < text.Length; at++)
        {
            if (Replacement(text[at]) is { } replacement && !(keepControls && replacement.Length == 0))
            {
                result.Append(replacement);
            }
            else
            {
                result.Append(text[at]);
            }
        }

        return result.ToString();
    }

    /// <summary>The replacement of a character; null if it stays.</summary>
    public static string? Replacement(char character) =>
        character switch
        {
            '\t' or '\n' or '\f' or '\r' or (>= ' ' and <= '~') => null,
            < ' ' or '\x7F' or '\uFEFF' or (>= '\u206A' and <= '\u206F') or (>= '\uFFF9' and <= '\uFFFC') => "",
            >= '\x80' and <= '\x9F' => Windows1252.Character((byte)character) is var meant && meant != character
                ? Replacement(meant) ?? meant.ToString()
                : null,
            '\u02BC' or (>= '‘' and <= '‛') => "'",
            >= '“' and <= '‟' => "\"",
            >= '\uFF01' and <= '\uFF5E' => ((char)(character - 0xFF01 + '!')).ToString(),
            >= '\uFF61' and <= '\uFF9F' => Katakana[character - 0xFF61].ToString(),
            '\uFFE3' => " \u0304",
            >= '\uFFE0' and <= '\uFFE6' => Signs[character - 0xFFE0].ToString(),
            '\u3000' => " ",
            _ => Ligature(character),
        };

    /// <summary>
    /// The sequences that ftfy's remove_terminal_escapes removes. Linear in the text; a time limit would end a run whose process was
    /// suspended.
    /// </summary>
    [GeneratedRegex(
        @"\x1B\[(?:\d|;)*[a-zA-Z]",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: Timeout.Infinite
    )]
    private static partial Regex EscapeSequence();

    private static string? Ligature(char character) =>
        character switch
        {
            'Ĳ' => "IJ",
            'ĳ' => "ij",
            'ŉ' => "'n",
            'Ǆ' => "DŽ",
            'ǅ' => "Dž",
            'ǆ' => "dž",
            'Ǉ' => "LJ",
            'ǈ' => "Lj",
            'ǉ' => "lj",
            'Ǌ' => "NJ",
            'ǋ' => "Nj",
            'ǌ' => "nj",
            'Ǳ' => "DZ",
            'ǲ' => "Dz",
            'ǳ' => "dz",
            'ﬀ' => "ff",
            'ﬁ' => "fi",
            'ﬂ' => "fl",
            'ﬃ' => "ffi",
            'ﬄ' => "ffl",
            'ﬅ' => "ſt",
            'ﬆ' => "st",
            _ => null,
        };
}
