namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// GPT-2's reversible map of bytes to printable characters, in which merges are written: printable Latin-1 stands for
/// itself, the other bytes for U+0100 onwards. A byte's token is its place in that order; the same byte at the end of a
/// word has the token 256 later.
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

    /// <summary>The token of a byte that is not the last of its word.</summary>
    public static int Token(byte value) => Tokens[value];

    /// <summary>How the 512 tokens of bytes are written, in the order of the tokens.</summary>
    public static IEnumerable<string> Symbols => Characters.Concat(Characters.Select(c => c + EndOfWord));
}
