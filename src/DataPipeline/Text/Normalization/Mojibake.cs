using System.Buffers;
using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>
/// Repairs UTF-8 that was decoded as Latin-1 or Windows-1252 ("Ã©" for "é", "â€™" for "’"), one level; repeated repair handles text
/// misread several times.
/// </summary>
/// <remarks>
/// Text is scanned for runs of adjacent sequences, each the misread bytes of one valid UTF-8 character of 2, 3 or (from byte F0) 4
/// bytes. A run of two or more is always repaired. A single sequence may be intended ("MARQUÉ…", "liberté »"); it is repaired where
/// that is unlikely:
/// <list type="bullet">
/// <item>Â with a character from U+00A0, or Ã: unless it ends a word in capitals (a capital before it, no letter after it);</item>
/// <item>another capital: after a lower-case letter, or before a character that does not follow words;</item>
/// <item>three bytes: when they begin with â€, or one of the last two is a character that does not follow words, and no
/// no-break space is in the middle;</item>
/// <item>four bytes: always.</item>
/// </list>
/// Â and Ã before a plain space, which may have been a no-break space, are repaired if no letter precedes them.
/// </remarks>
internal static class Mojibake
{
    /// <summary>Characters of misread continuation bytes that may directly follow a word.</summary>
    private static readonly SearchValues<char> FollowsWords = SearchValues.Create("\u00A0…‘’“”–—»›™®©°²³¹·†‡•");

    private const char FirstLead = 'Â',
        LastLead = 'ô';

    /// <summary>True if a repairable sequence may begin at a place, judged by the character there and the next one.</summary>
    public static bool MayBegin(ReadOnlySpan<char> text, int at) =>
        IsLead(text[at])
        && at + 1 < text.Length
        && (Windows1252.Byte(text[at + 1]) is >= 0x80 and <= 0xBF || (text[at] is 'Â' or 'Ã' && text[at + 1] == ' '));

    public static bool IsLead(char character) => character is >= FirstLead and <= LastLead;

    public static string Repair(string text)
    {
        var at = text.AsSpan().IndexOfAnyInRange(FirstLead, LastLead);
        if (at < 0)
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        result.Append(text, 0, at);
        while (at < text.Length)
        {
            var end = at;
            var sequences = 0;
            for (; Sequence(text, end, out _) is var length and > 0; end += length)
            {
                sequences++;
            }

            if (sequences > 1 || (sequences == 1 && IsConvincing(text, at, end)))
            {
                while (at < end)
                {
                    at += Sequence(text, at, out var character);
                    result.Append(character.ToString());
                }
            }
            else if (
                sequences == 0
                && text[at] is 'Â' or 'Ã'
                && at + 1 < text.Length
                && text[at + 1] == ' '
                && !Rune.IsLetter(Before(text, at))
            )
            {
                result.Append(text[at++] == 'Ã' ? "à" : "");
            }
            else
            {
                end = Math.Max(end, at + 1);
                result.Append(text, at, end - at);
                at = end;
            }
        }

        return result.ToString();
    }

    /// <summary>The length of the misread character at a place; 0 if there is none.</summary>
    private static int Sequence(string text, int at, out Rune character)
    {
        character = default;
        if (at >= text.Length || !IsLead(text[at]) || text[at] is > 'ð')
        {
            return 0;
        }

        Span<byte> bytes = stackalloc byte[4];
        var length = text[at] switch
        {
            < 'à' => 2,
            < 'ð' => 3,
            _ => 4,
        };
        if (at + length > text.Length)
        {
            return 0;
        }

        for (var i = 0; i < length; i++)
        {
            var value = Windows1252.Byte(text[at + i]);
            if (value < 0)
            {
                return 0;
            }

            bytes[i] = (byte)value;
        }

        return Rune.DecodeFromUtf8(bytes[..length], out character, out var used) == OperationStatus.Done && used == length ? length : 0;
    }

    private static bool IsConvincing(string text, int at, int end)
    {
        var second = text[at + 1];
        switch (text[at])
        {
            case 'Â' or 'Ã':
                return (text[at] == 'Ã' || second is >= '\u00A0' and <= '\u00BF')
                    && (!Rune.IsUpper(Before(text, at)) || Rune.IsLetter(At(text, end)));
            case '×':
                return false;
            case < 'ß':
                return Rune.IsLower(Before(text, at)) || !FollowsWords.Contains(second);
            case 'ß':
                return false;
            case < 'ð':
                return (text[at] == 'â' && second == '€')
                    || (second != '\u00A0' && (!FollowsWords.Contains(second) || !FollowsWords.Contains(text[at + 2])));
            default:
                return true;
        }
    }

    /// <summary>The character before a place; at the beginning, one that is not a letter.</summary>
    private static Rune Before(ReadOnlySpan<char> text, int at)
    {
        _ = Rune.DecodeLastFromUtf16(text[..at], out var rune, out _);
        return rune;
    }

    private static Rune At(ReadOnlySpan<char> text, int at)
    {
        _ = Rune.DecodeFromUtf16(text[at..], out var rune, out _);
        return rune;
    }
}
