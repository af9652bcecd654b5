using System.IO.Compression;
using System.Text;

namespace ClipTrain.DataPipeline.Text;

/// <summary>Two symbols that become one.</summary>
public readonly record struct Merge(string Left, string Right);

/// <summary>
/// The merges of a byte-pair vocabulary, in order. As a file: UTF-8 text, perhaps compressed by gzip, with an optional
/// first line that has "#version" in it, then "left right" on each line.
/// </summary>
public sealed class MergeList
{
    private const string Version = "#version: 0.2";

    private MergeList(IReadOnlyList<Merge> merges) => Merges = merges;

    public IReadOnlyList<Merge> Merges { get; }

    /// <summary>Tokens of the vocabulary: the bytes, the bytes at the end of a word, the merges, start and end of text.</summary>
    public int VocabularySize => (2 * ByteAlphabet.Size) + Merges.Count + 2;

    /// <summary>The 48,894 merges of OpenAI's CLIP.</summary>
    public static MergeList OpenAi()
    {
        using var stream = typeof(MergeList).Assembly.GetManifestResourceStream("openai-merges.txt.gz")!;
        return Read(stream, "openai-merges.txt.gz");
    }

    /// <exception cref="InvalidDataException">A line is no merge of known symbols; the message names file and line.</exception>
    public static MergeList Load(string path)
    {
        using var stream = File.OpenRead(path);
        return Read(stream, path);
    }

    internal static MergeList Of(IReadOnlyList<Merge> merges) => new(merges);

    /// <summary>Writes the list as plain text, in the form that <see cref="Load"/> reads.</summary>
    public void Save(string path)
    {
        var text = new StringBuilder(Version).Append('\n');
        foreach (var (left, right) in Merges)
            text.Append(left).Append(' ').Append(right).Append('\n');
        File.WriteAllText(path, text.ToString());
    }

    private static MergeList Read(Stream stream, string name)
    {
        var compressed = stream.ReadByte() == 0x1F && stream.ReadByte() == 0x8B;
        stream.Position = 0;
        using var reader = new StreamReader(compressed ? new GZipStream(stream, CompressionMode.Decompress) : stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        try
        {
            return Parse(reader, name);
        }
        catch (Exception e) when (e is DecoderFallbackException || (e is InvalidDataException && compressed && !e.Message.StartsWith(name, StringComparison.Ordinal)))
        {
            throw new InvalidDataException($"{name}: no list of merges; it is neither UTF-8 text nor gzip of that", e);
        }
    }

    private static MergeList Parse(TextReader reader, string name)
    {
        var merges = new List<Merge>();
        var known = new HashSet<string>(ByteAlphabet.Symbols, StringComparer.Ordinal);
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (line.Length == 0 || (number == 1 && line.Contains("#version", StringComparison.Ordinal)))
                continue;
            if (line.Split(' ') is not [var left, var right])
                throw new InvalidDataException($"{name}, line {number}: \"{Shorten(line)}\" is not two symbols with a blank between them");
            foreach (var symbol in new[] { left, right })
            {
                if (!known.Contains(symbol))
                    throw new InvalidDataException($"{name}, line {number}: \"{Shorten(symbol)}\" is neither a byte nor made by an earlier merge");
            }

            if (left.EndsWith(ByteAlphabet.EndOfWord, StringComparison.Ordinal) || !known.Add(left + right))
                throw new InvalidDataException($"{name}, line {number}: \"{Shorten(line)}\" cannot be merged: the result exists already or goes on after the end of a word");
            merges.Add(new Merge(left, right));
        }

        return new MergeList(merges);
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
