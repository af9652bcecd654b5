using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>One-pass lower-casing of text of any script that needs no repair, which is nearly all text.</summary>
internal static class PlainText
{
    private static readonly Kind[] Kinds = [.. Enumerable.Range(0, char.MaxValue + 1).Select(c => KindOf((char)c))];

    private enum Kind : byte
    {
        /// <summary>Stays.</summary>
        Plain,

        /// <summary>Becomes another letter.</summary>
        Capital,

        /// <summary>A letter that may begin mojibake.</summary>
        Lead,

        /// <summary>A curly quote.</summary>
        Quote,

        /// <summary>A combining mark that composes with no letter; a single one stays.</summary>
        Mark,

        /// <summary>May need repair, alone or with its neighbours.</summary>
        Special,
    }

    /// <summary>Writes the text in lower case as UTF-8; false if it needs repair or the buffer is too short.</summary>
    public static bool TryLower(ReadOnlySpan<char> text, Span<byte> buffer, out int written)
    {
        written = 0;
        if (buffer.Length < 3 * text.Length)
        {
            return false;
        }

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
            {
                buffer[written++] = (byte)character;
            }
            else
            {
                written += new Rune(character).EncodeToUtf8(buffer[written..]);
            }
        }

        return true;
    }

    /// <summary>True for a surrogate pair in the blocks from U+1F000, where no character has case or composes.</summary>
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
