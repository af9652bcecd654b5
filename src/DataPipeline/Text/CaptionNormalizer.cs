using System.Net;
using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// A caption before it is cut into pieces: HTML unescaped twice, typography straightened, white space collapsed,
/// lower-cased.
/// </summary>
/// <remarks>
/// The reference runs ftfy in place of the second step. Of what ftfy does, the frequent cases are here: curly quotes,
/// Latin ligatures, full-width forms, control characters, and Windows-1252 punctuation that was read as Latin-1. Its
/// repair of wrongly decoded UTF-8 and its composition of combining marks (NFC) are not.
/// </remarks>
internal static class CaptionNormalizer
{
    /// <summary>Windows-1252 at U+0080 to U+009F, where Unicode has control characters that no caption means. A blank is undefined there.</summary>
    private const string Windows1252 = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

    public static string Normalize(string caption)
    {
        var text = WebUtility.HtmlDecode(WebUtility.HtmlDecode(caption));
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            Append(result, rune);
        if (result.Length > 0 && result[^1] == ' ')
            result.Length--;
        return LowerCase(result.ToString());
    }

    private static void Append(StringBuilder result, Rune rune)
    {
        if (Rune.IsWhiteSpace(rune) && rune.Value != 0x85)
        {
            if (result.Length > 0 && result[^1] != ' ')
                result.Append(' ');
            return;
        }

        switch (rune.Value)
        {
            case < 0x20 or 0x7F or 0xFEFF or (>= 0x206A and <= 0x206F) or (>= 0xFFF9 and <= 0xFFFC):
                break;
            case >= 0x80 and <= 0x9F when Windows1252[rune.Value - 0x80] != ' ':
                Append(result, new Rune(Windows1252[rune.Value - 0x80]));
                break;
            case 0x02BC or (>= 0x2018 and <= 0x201B):
                result.Append('\'');
                break;
            case >= 0x201C and <= 0x201F:
                result.Append('"');
                break;
            case >= 0xFF01 and <= 0xFF5E:
                result.Append((char)(rune.Value - 0xFF01 + '!'));
                break;
            default:
                if (Ligature(rune.Value) is { } letters)
                    result.Append(letters);
                else
                    result.Append(rune.ToString());
                break;
        }
    }

    private static string? Ligature(int character) => character switch
    {
        0x0132 => "IJ",
        0x0133 => "ij",
        0x0149 => "'n",
        0xFB00 => "ff",
        0xFB01 => "fi",
        0xFB02 => "fl",
        0xFB03 => "ffi",
        0xFB04 => "ffl",
        0xFB05 => "ſt",
        0xFB06 => "st",
        _ => null,
    };

    /// <summary>Simple case mapping, and the two characters for which Unicode's full mapping differs: İ, and Σ at the end of a word.</summary>
    private static string LowerCase(string text)
    {
        var lower = text.ToLowerInvariant();
        if (!lower.AsSpan().ContainsAny('İ', 'Σ', 'σ'))
            return lower;

        var result = new StringBuilder(lower.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == 'İ')
                result.Append("i\u0307");
            else if (text[i] == 'Σ')
                result.Append(IsLetter(text, i - 1) && !IsLetter(text, i + 1) ? 'ς' : 'σ');
            else
                result.Append(lower[i]);
        }

        return result.ToString();
    }

    private static bool IsLetter(string text, int at) => at >= 0 && at < text.Length && char.IsLetter(text[at]);
}
