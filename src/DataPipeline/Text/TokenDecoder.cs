using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>A token as text for display.</summary>
/// <param name="Text">The characters that end in it: empty for the beginning of a character.</param>
/// <param name="EndsWord">True if it ends a word.</param>
public readonly record struct TokenText(string Text, bool EndsWord);

/// <summary>Turns tokens back into text.</summary>
public sealed class TokenDecoder
{
    private readonly string[] _symbols;
    private readonly Dictionary<char, byte> _bytes = [];

    /// <summary>A decoder for a vocabulary.</summary>
    public TokenDecoder(MergeList merges)
    {
        _symbols = [.. merges.Symbols];
        for (var b = 0; b < ByteAlphabet.Size; b++)
        {
            _bytes[_symbols[ByteAlphabet.Token((byte)b)][0]] = (byte)b;
        }
    }

    /// <summary>
    /// The texts of a sequence of tokens; start and end of text in CLIP's spelling, U+FFFD for bytes that are not a character.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such token.</exception>
    public IReadOnlyList<TokenText> Decode(ReadOnlySpan<long> tokens)
    {
        var texts = new TokenText[tokens.Length];
        var utf8 = Encoding.UTF8.GetDecoder();
        for (var i = 0; i < tokens.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(tokens[i], nameof(tokens));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(tokens[i], _symbols.Length, nameof(tokens));
            texts[i] =
                tokens[i] >= _symbols.Length - 2 ? new TokenText(_symbols[tokens[i]], EndsWord: true) : Decode(_symbols[tokens[i]], utf8);
        }

        return texts;
    }

    private TokenText Decode(string symbol, Decoder utf8)
    {
        var ends = symbol.EndsWith(ByteAlphabet.EndOfWord, StringComparison.Ordinal);
        byte[] bytes = [.. (ends ? symbol[..^ByteAlphabet.EndOfWord.Length] : symbol).Select(c => _bytes[c])];
        var characters = new char[bytes.Length + 2];
        return new TokenText(new string(characters, 0, utf8.GetChars(bytes, characters, flush: ends)), ends);
    }
}
