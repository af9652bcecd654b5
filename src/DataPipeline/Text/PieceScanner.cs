using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Cuts a normalised caption, UTF-8, into the pieces that are encoded one by one. The same as matching, from left to right,
/// the reference's pattern: the two special tokens | 's | 't | 're | 've | 'm | 'll | 'd | letters | one digit | anything
/// else that is not white space.
/// </summary>
internal ref struct PieceScanner(ReadOnlySpan<byte> text)
{
    /// <summary>The kinds of characters below U+10000.</summary>
    private static readonly Kind[] Kinds =
    [
        .. Enumerable.Range(0, char.MaxValue + 1).Select(c => KindOf(Rune.IsValid(c) ? new Rune(c) : Rune.ReplacementChar)),
    ];

    private static readonly byte[][] Whole =
    [
        [.. StartOfText],
        [.. EndOfText],
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

    public static ReadOnlySpan<byte> StartOfText => "<|startoftext|>"u8;

    public static ReadOnlySpan<byte> EndOfText => "<|endoftext|>"u8;

    public ReadOnlySpan<byte> Current { get; private set; }

    public readonly PieceScanner GetEnumerator() => this;

    public bool MoveNext()
    {
        var at = _at;
        var kind = Kind.Space;
        var length = 0;
        while (at < _text.Length && (kind = Next(at, out length)) == Kind.Space)
            at += length;
        if (at == _text.Length)
        {
            _at = at;
            return false;
        }

        var end = at + length;
        if (_text[at] is (byte)'\'' or (byte)'<' && WholeAt(_text[at..]) is var whole and > 0)
            end = at + whole;
        else if (kind != Kind.Number)
            end = RunEnd(end, kind);
        Current = _text[at..end];
        _at = end;
        return true;
    }

    private readonly int RunEnd(int at, Kind kind)
    {
        while (at < _text.Length && Next(at, out var length) == kind)
            at += length;
        return at;
    }

    private static int WholeAt(ReadOnlySpan<byte> text)
    {
        foreach (var whole in Whole)
        {
            if (text.StartsWith(whole))
                return whole.Length;
        }

        return 0;
    }

    /// <summary>The kind of a character and its length in bytes. The text is valid UTF-8, so the first byte tells the rest.</summary>
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
            return Kinds[((text[0] & 0x1F) << 6) | (text[1] & 0x3F)];
        if (length == 3)
            return Kinds[((text[0] & 0x0F) << 12) | ((text[1] & 0x3F) << 6) | (text[2] & 0x3F)];
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
