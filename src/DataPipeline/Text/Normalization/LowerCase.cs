using System.Globalization;
using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>Unicode's full mapping to lower case: the simple one, plus İ and the final Σ (The Unicode Standard, 3.13).</summary>
internal static class LowerCase
{
    public static string Of(string text)
    {
        var lower = text.ToLowerInvariant();
        if (!text.AsSpan().ContainsAny('İ', 'Σ'))
        {
            return lower;
        }

        var result = new StringBuilder(lower.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == 'İ')
            {
                result.Append("i\u0307");
            }
            else if (text[i] == 'Σ')
            {
                result.Append(EndsWord(text, i) ? 'ς' : 'σ');
            }
            else
            {
                result.Append(lower[i]);
            }
        }

        return result.ToString();
    }

    /// <summary>True if a cased letter precedes and none follows, ignoring characters without case of their own.</summary>
    private static bool EndsWord(string text, int at)
    {
        var runes = new List<Rune>();
        var place = 0;
        var i = 0;
        while (i < text.Length)
        {
            if (i == at)
            {
                place = runes.Count;
            }

            _ = Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var length);
            runes.Add(rune);
            i += length;
        }

        var before = runes[..place].FindLast(r => !IsIgnorable(r));
        var after = runes[(place + 1)..].Find(r => !IsIgnorable(r));
        return IsCased(before) && !IsCased(after);
    }

    private static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.UppercaseLetter
                or UnicodeCategory.LowercaseLetter
                or UnicodeCategory.TitlecaseLetter
        || rune.Value
            is 0xAA
                or 0xBA
                or (>= 0x2160 and <= 0x217F)
                or (>= 0x24B6 and <= 0x24E9)
                or (>= 0x1F130 and <= 0x1F149)
                or (>= 0x1F150 and <= 0x1F169)
                or (>= 0x1F170 and <= 0x1F189);

    private static bool IsIgnorable(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.NonSpacingMark
                or UnicodeCategory.EnclosingMark
                or UnicodeCategory.Format
                or UnicodeCategory.ModifierLetter
                or UnicodeCategory.ModifierSymbol
        || rune.Value
            is '\''
                or '.'
                or ':'
                or 0xB7
                or 0x387
                or 0x55F
                or 0x5F4
                or 0x2018
                or 0x2019
                or 0x2024
                or 0x2027
                or 0xFE13
                or 0xFE52
                or 0xFE55
                or 0xFF07
                or 0xFF0E
                or 0xFF1A;
}
