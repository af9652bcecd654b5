using System.Globalization;
using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Cuts a normalised caption, UTF-8, into the pieces that are encoded one by one. The same as matching, from left to right,
/// the reference's pattern: the two special tokens | 's | 't | 're | 've | 'm | 'll | 'd | letters | one digit | anything
/// else that is not white space.
/// </summary>
internal ref struct PieceScanner(ReadOnlySpan<byte> text)
{
    private static readonly Kind[] Ascii = [.. Enumerable.Range(0, 128).Select(c => KindOf(new Rune(c)))];

    private static readonly byte[][] Whole =
    [
        [.. StartOfText], [.. EndOfText], [.. "'s"u8], [.. "'t"u8], [.. "'re"u8], [.. "'ve"u8], [.. "'m"u8], [.. "'ll"u8], [.. "'d"u8],
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
        while (at < _text.Length && (kind = Next(_text[at..], out length)) == Kind.Space)
            at += length;
        if (at == _text.Length)
        {
            _at = at;
            return false;
        }

        var end = _text[at] is (byte)'\'' or (byte)'<' && WholeAt(_text[at..]) is var whole and > 0 ? at + whole : at + length;
        if (kind != Kind.Number && end == at + length)
        {
            while (end < _text.Length && Next(_text[end..], out length) == kind)
                end += length;
        }

        Current = _text[at..end];
        _at = end;
        return true;
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

    /// <summary>The kind of the first character of a text that is not empty, and its length in bytes.</summary>
    private static Kind Next(ReadOnlySpan<byte> text, out int length)
    {
        length = 1;
        if (text[0] < 128)
            return Ascii[text[0]];
        _ = Rune.DecodeFromUtf8(text, out var rune, out length);
        return KindOf(rune);
    }

    private static Kind KindOf(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        <= UnicodeCategory.OtherLetter => Kind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
        _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
    };
}
