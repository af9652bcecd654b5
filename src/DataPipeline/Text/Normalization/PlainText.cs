using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>Lower-cases text of any script in one pass when it needs no repair, which is nearly always.</summary>
internal static class PlainText
{
    private static readonly Kind[] Kinds = [.. Enumerable.Range(0, char.MaxValue + 1).Select(c => KindOf((char)c))];

    private enum Kind : byte
    {
        /// <summary>Stays, but for its case.</summary>
        Plain,

        /// <summary>Stays, unless what follows it makes mojibake.</summary>
        Lead,

        /// <summary>May have to be repaired, alone or with its neighbours.</summary>
        Special,
    }

    /// <summary>Writes the text in lower case, UTF-8; false if it needs more than that or the buffer is too short.</summary>
    public static bool TryLower(ReadOnlySpan<char> text, Span<byte> buffer, out int written)
    {
        written = 0;
        if (buffer.Length < 3 * text.Length)
            return false;
        for (var i = 0; i < text.Length; i++)
        {
            var character = text[i];
            if (character < 0x80 && Kinds[character] == Kind.Plain)
            {
                buffer[written++] = (byte)(char.IsAsciiLetterUpper(character) ? character | 0x20 : character);
                continue;
            }

            Rune rune;
            if (char.IsSurrogate(character))
            {
                if (!IsEmoji(text, i))
                    return false;
                rune = new Rune(character, text[++i]);
            }
            else
            {
                if (Kinds[character] == Kind.Special || (Kinds[character] == Kind.Lead && Mojibake.MayBegin(text, i)))
                    return false;
                rune = new Rune(char.ToLowerInvariant(character));
            }

            written += rune.EncodeToUtf8(buffer[written..]);
        }

        return true;
    }

    /// <summary>A pair of the blocks from U+1F000, where nothing has a case or is composed.</summary>
    private static bool IsEmoji(ReadOnlySpan<char> text, int at) =>
        text[at] is '\uD83C' or '\uD83D' or '\uD83E' && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]);

    private static Kind KindOf(char character)
    {
        if (character is '&' or 'İ' or 'Σ' || Typography.Replacement(character) is not null || Composition.MayChange(character))
            return Kind.Special;
        return Mojibake.IsLead(character) ? Kind.Lead : Kind.Plain;
    }
}
