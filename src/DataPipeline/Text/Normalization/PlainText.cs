using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>Lower-cases text of any script in one pass when it needs no repair, which is nearly always.</summary>
internal static class PlainText
{
    private static readonly Kind[] Kinds = [.. Enumerable.Range(0, char.MaxValue + 1).Select(c => KindOf((char)c))];

    private enum Kind : byte
    {
        /// <summary>Stays.</summary>
        Plain,

        /// <summary>Becomes another letter.</summary>
        Capital,

        /// <summary>A letter that makes mojibake with some that follow it.</summary>
        Lead,

        /// <summary>A curly quote.</summary>
        Quote,

        /// <summary>A combining mark that joins no letter; alone behind one it stays.</summary>
        Mark,

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
            switch (Kinds[character])
            {
                case Kind.Plain:
                    break;
                case Kind.Capital:
                    character = char.ToLowerInvariant(character);
                    break;
                case Kind.Lead when !Mojibake.MayBegin(text, i):
                    character = char.ToLowerInvariant(character);
                    break;
                case Kind.Quote:
                    character = Typography.Replacement(character)![0];
                    break;
                case Kind.Mark when i > 0 && Kinds[text[i - 1]] != Kind.Mark:
                    break;
                case Kind.Special when IsEmoji(text, i):
                    written += new Rune(character, text[++i]).EncodeToUtf8(buffer[written..]);
                    continue;
                default:
                    return false;
            }

            if (character < 0x80)
                buffer[written++] = (byte)character;
            else
                written += new Rune(character).EncodeToUtf8(buffer[written..]);
        }

        return true;
    }

    /// <summary>A pair of the blocks from U+1F000, where nothing has a case or is composed.</summary>
    private static bool IsEmoji(ReadOnlySpan<char> text, int at) =>
        text[at] is '\uD83C' or '\uD83D' or '\uD83E' && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]);

    private static Kind KindOf(char character) =>
        character switch
        {
            '&' or 'İ' or 'Σ' => Kind.Special,
            _ when char.IsSurrogate(character) => Kind.Special,
            _ when Typography.Replacement(character) is { } straight => straight is "'" or "\"" && character < '\uFF00'
                ? Kind.Quote
                : Kind.Special,
            _ when Composition.IsMark(character) => Kind.Mark,
            _ when Composition.MayChange(character) => Kind.Special,
            _ when Mojibake.IsLead(character) => Kind.Lead,
            _ => char.ToLowerInvariant(character) == character ? Kind.Plain : Kind.Capital,
        };
}
