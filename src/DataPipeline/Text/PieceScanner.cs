using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Splits a normalised caption, UTF-8, into the pieces that are encoded one by one. Equivalent to matching CLIP's pattern from left
/// to right: the special tokens | 's | 't | 're | 've | 'm | 'll | 'd | letters | one digit | a run of anything else that is not
/// white space.
/// </summary>
/// <remarks>
/// CLIP writes the special tokens <c>&lt;|startoftext|&gt;</c> and <c>&lt;|endoftext|&gt;</c>, open_clip <c>&lt;start_of_text&gt;</c>
/// and <c>&lt;end_of_text&gt;</c>; each library reads its own spelling in a caption as the token, and the other's as text. Here both
/// spellings are the token, so that ids equal CLIP's for captions with its spelling and open_clip's for captions with the other.
/// </remarks>
internal ref struct PieceScanner(ReadOnlySpan<byte> text)
{
    /// <summary>Kinds of the characters below U+10000.</summary>
    private static readonly Kind[] Kinds =
    [
        .. Enumerable.Range(0, char.MaxValue + 1).Select(c => KindOf(Rune.IsValid(c) ? new Rune(c) : Rune.ReplacementChar)),
    ];

    private static readonly byte[][] StartOfText =
    [
        [.. "<|startoftext|>"u8],
        [.. "<start_of_text>"u8],
    ];

    private static readonly byte[][] EndOfText =
    [
        [.. "<|endoftext|>"u8],
        [.. "<end_of_text>"u8],
    ];

    /// <summary>Alternatives of the pattern that are fixed strings, in the order in which they are tried.</summary>
    private static readonly byte[][] FixedPieces =
    [
        .. StartOfText,
        .. EndOfText,
        [.. "'s"u8],
        [.. "'t"u8],
        [.. "'re"u8],
        [.. "'ve"u8],
        [.. "'m"u8],
        [.. "'ll"u8],
        [.. "'d"u8],
    ];

    private readonly ReadOnlySpan<byte> _text = text;
    private int _at;

    private enum Kind : byte
    {
        Space,
        Letter,
        Number,
        Other,
    }

    public ReadOnlySpan<byte> Current { get; private set; }

    /// <summary>True for the start token in either spelling.</summary>
    public static bool IsStartOfText(ReadOnlySpan<byte> piece) => IsOneOf(StartOfText, piece);

    /// <summary>True for the end token in either spelling.</summary>
    public static bool IsEndOfText(ReadOnlySpan<byte> piece) => IsOneOf(EndOfText, piece);

    public readonly PieceScanner GetEnumerator() => this;

    public bool MoveNext()
    {
        var at = _at;
        var kind = Kind.Space;
        var length = 0;
        while (at < _text.Length && (kind = Next(at, out length)) == Kind.Space)
        {
            at += length;
        }

        if (at == _text.Length)
        {
            _at = at;
            return false;
        }

        var end = at + length;
        if (_text[at] is (byte)'\'' or (byte)'<' && FixedPieceAt(_text[at..]) is var fixedLength and > 0)
        {
            end = at + fixedLength;
        }
        else if (kind != Kind.Number)
        {
            end = RunEnd(end, kind);
        }

        Current = _text[at..end];
        _at = end;
        return true;
    }

    private readonly int RunEnd(int at, Kind kind)
    {
        while (at < _text.Length && Next(at, out var length) == kind)
        {
            at += length;
        }

        return at;
    }

    private static int FixedPieceAt(ReadOnlySpan<byte> text)
    {
        foreach (var piece in FixedPieces)
        {
            if (MatchLength(text, piece) is var length and > 0)
            {
                return length;
            }
        }

        return 0;
    }

    /// <summary>
    /// Bytes at the beginning of the text that match a fixed piece; 0 without a match. CLIP's pattern ignores case, and the text is in
    /// lower case: what remains of that is the long s (U+017F), which matches an s.
    /// </summary>
    private static int MatchLength(ReadOnlySpan<byte> text, ReadOnlySpan<byte> piece)
    {
        var at = 0;
        foreach (var expected in piece)
        {
            var rest = text[at..];
            if (!rest.IsEmpty && rest[0] == expected)
            {
                at++;
            }
            else if (expected == (byte)'s' && rest.StartsWith("ſ"u8))
            {
                at += "ſ"u8.Length;
            }
            else
            {
                return 0;
            }
        }

        return at;
    }

    private static bool IsOneOf(byte[][] spellings, ReadOnlySpan<byte> piece)
    {
        foreach (var spelling in spellings)
        {
            if (piece.SequenceEqual(spelling))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The kind of a character and its length in bytes. The text is valid UTF-8, so the first byte determines the length.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly Kind Next(int at, out int length)
    {
        var first = _text[at];
        if (first < 0x80)
        {
            length = 1;
            return Kinds[first];
        }

        return NextWide(_text[at..], out length);
    }

    private static Kind NextWide(ReadOnlySpan<byte> text, out int length)
    {
        length = text[0] switch
        {
            < 0xE0 => 2,
            < 0xF0 => 3,
            _ => 4,
        };
        if (length == 2)
        {
            return Kinds[((text[0] & 0x1F) << 6) | (text[1] & 0x3F)];
        }

        if (length == 3)
        {
            return Kinds[((text[0] & 0x0F) << 12) | ((text[1] & 0x3F) << 6) | (text[2] & 0x3F)];
        }

        _ = Rune.DecodeFromUtf8(text, out var rune, out _);
        return KindOf(rune);
    }

    private static Kind KindOf(Rune rune) =>
        Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
        };
}
