using System.Globalization;
using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Cuts a normalised caption into the pieces that are encoded one by one. The same as matching, from left to right, the
/// reference's pattern: the two special tokens | 's | 't | 're | 've | 'm | 'll | 'd | letters | one digit | anything else
/// that is not white space.
/// </summary>
internal ref struct PieceScanner(ReadOnlySpan<char> text)
{
    public const string StartOfText = "<|startoftext|>", EndOfText = "<|endoftext|>";

    private static readonly string[] Whole = [StartOfText, EndOfText, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private ReadOnlySpan<char> _rest = text;

    private enum Kind
    {
        Space,
        Letter,
        Number,
        Other,
    }

    public ReadOnlySpan<char> Current { get; private set; }

    public readonly PieceScanner GetEnumerator() => this;

    public bool MoveNext()
    {
        var (kind, length) = Next(_rest);
        while (kind == Kind.Space && length > 0)
        {
            _rest = _rest[length..];
            (kind, length) = Next(_rest);
        }

        if (length == 0)
            return false;
        Take(WholeAtStart() is var whole and > 0 ? whole : Run(kind, length));
        return true;
    }

    private void Take(int length)
    {
        Current = _rest[..length];
        _rest = _rest[length..];
    }

    private readonly int WholeAtStart()
    {
        if (_rest[0] is '\'' or '<')
        {
            foreach (var whole in Whole)
            {
                if (_rest.StartsWith(whole, StringComparison.Ordinal))
                    return whole.Length;
            }
        }

        return 0;
    }

    private readonly int Run(Kind kind, int length)
    {
        if (kind == Kind.Number)
            return length;
        while (Next(_rest[length..]) is var (next, more) && more > 0 && next == kind)
            length += more;
        return length;
    }

    /// <summary>The kind of the first character and its length in UTF-16; length 0 at the end.</summary>
    private static (Kind Kind, int Length) Next(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
            return (Kind.Space, 0);
        if (char.IsAsciiLetterLower(text[0]))
            return (Kind.Letter, 1);
        _ = Rune.DecodeFromUtf16(text, out var rune, out var length);
        var kind = Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
        };
        return (kind, length);
    }
}
