namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// GPT-2's reversible map of bytes to printable characters, in which merges are written: printable Latin-1 maps to itself, the other
/// bytes to U+0100 onwards. A byte's token is its place in that order; the same byte at the end of a word has a token 256 higher.
/// </summary>
internal static class ByteAlphabet
{
    public const string EndOfWord = "</w>";
    public const int Size = 256;

    private static readonly int[] Tokens = new int[Size];
    private static readonly string[] Characters = new string[Size];

    static ByteAlphabet()
    {
        var token = 0;
        for (var pass = 0; pass < 2; pass++)
        {
            var unprintable = 0;
            for (var b = 0; b < Size; b++)
            {
                var printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
                var character = printable ? b : Size + unprintable++;
                if (printable == (pass == 0))
                {
                    Tokens[b] = token;
                    Characters[token++] = ((char)character).ToString();
                }
            }
        }
    }

    /// <summary>The token of a byte that does not end its word.</summary>
    public static int Token(byte value) => Tokens[value];

    /// <summary>Spelling of the 512 byte tokens, in token order.</summary>
    public static IEnumerable<string> Symbols => Characters.Concat(Characters.Select(c => c + EndOfWord));
}
