using System.IO.Compression;
using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Text.HuggingFace;

namespace ClipTrain.DataPipeline.Text;

/// <summary>Two symbols that are merged into one.</summary>
public readonly record struct Merge(string Left, string Right);

/// <summary>
/// The merges of a byte-pair vocabulary, in order. File format: UTF-8 text, optionally gzip, with an optional first line that contains
/// "#version", then "left right" on each line.
/// </summary>
public sealed class MergeList
{
    /// <summary>Tokens of a vocabulary without its merges.</summary>
    public const int TokensWithoutMerges = (2 * ByteAlphabet.Size) + 2;

    internal const string StartOfText = "<|startoftext|>",
        EndOfText = "<|endoftext|>";

    /// <summary>Size limit of an unpacked list: a list of a million merges has about 20 MB.</summary>
    private const int MaxBytes = 64 << 20;

    private const string Version = "#version: 0.2";

    private MergeList(IReadOnlyList<Merge> merges) => Merges = merges;

    /// <summary>The merges, in order.</summary>
    public IReadOnlyList<Merge> Merges { get; }

    /// <summary>
    /// Number of tokens: 256 bytes, 256 bytes at the end of a word, the merges, start and end of text. OpenAI's vocabulary has 49,408;
    /// the paper's 49,152 counts each byte once.
    /// </summary>
    public int VocabularySize => TokensWithoutMerges + Merges.Count;

    /// <summary>The tokens in order of their ids, as written in Hugging Face's files.</summary>
    public IEnumerable<string> Symbols => [.. ByteAlphabet.Symbols, .. Merges.Select(m => m.Left + m.Right), StartOfText, EndOfText];

    /// <summary>The 48,894 merges of OpenAI's CLIP.</summary>
    public static MergeList OpenAi()
    {
        using var stream = typeof(MergeList).Assembly.GetManifestResourceStream("openai-merges.txt.gz")!;
        return Read(stream, "openai-merges.txt.gz");
    }

    /// <summary>
    /// The vocabulary named in a run file: <c>openai</c>, a merge list, a Hugging Face tokenizer.json (a name that ends in .json) or a
    /// folder of Hugging Face's files.
    /// </summary>
    /// <exception cref="InvalidDataException">The vocabulary is not of CLIP's kind; the message names file and place.</exception>
    public static MergeList Named(string name) =>
        name switch
        {
            "openai" => OpenAi(),
            _ when Directory.Exists(name) => TokenizerFolder.Read(name),
            _ when name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) => TokenizerJson.Read(name),
            _ => Load(name),
        };

    /// <summary>Reads a merge list.</summary>
    /// <exception cref="InvalidDataException">A line is not a merge of known symbols; the message names file and line.</exception>
    public static MergeList Load(string path)
    {
        RegularFile.Require(path);
        using var stream = File.OpenRead(path);
        return Read(stream, path);
    }

    internal static MergeList Of(IReadOnlyList<Merge> merges) => new(merges);

    /// <summary>Writes the list as plain text, in the format that <see cref="Load"/> reads.</summary>
    public void Save(string path)
    {
        var text = new StringBuilder(Version).Append('\n');
        foreach (var (left, right) in Merges)
        {
            text.Append(left).Append(' ').Append(right).Append('\n');
        }

        File.WriteAllText(path, text.ToString());
    }

    private static MergeList Read(Stream stream, string name)
    {
        var compressed = stream.ReadByte() == 0x1F && stream.ReadByte() == 0x8B;
        stream.Position = 0;
        try
        {
            using var text = Bounded(compressed ? new GZipStream(stream, CompressionMode.Decompress) : stream, name);
            using var reader = new StreamReader(text, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return Parse(reader, name);
        }
        catch (Exception e)
            when (e is DecoderFallbackException
                || (e is InvalidDataException && compressed && !e.Message.StartsWith(name, StringComparison.Ordinal))
            )
        {
            throw new InvalidDataException($"{name}: not a merge list; it is neither UTF-8 text nor gzipped UTF-8 text", e);
        }
    }

    private static MemoryStream Bounded(Stream stream, string name)
    {
        var text = new MemoryStream();
        var block = new byte[1 << 16];
        int read;
        while ((read = stream.Read(block)) > 0)
        {
            if (text.Length + read > MaxBytes)
            {
                throw new InvalidDataException($"{name}: contains more than {MaxBytes >> 20} MiB of text, too much for a merge list");
            }

            text.Write(block, 0, read);
        }

        text.Position = 0;
        return text;
    }

    private static MergeList Parse(TextReader reader, string name)
    {
        var merges = new MergeListBuilder(name);
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (line.Length > 0 && !(number == 1 && line.Contains("#version", StringComparison.Ordinal)))
            {
                merges.Add($"line {number}", line.Split(' '));
            }
        }

        return merges.Build();
    }
}

/// <summary>Collects merges and checks each: its symbols must exist, its result must not.</summary>
/// <param name="name">Name of the file, for messages.</param>
internal sealed class MergeListBuilder(string name)
{
    private readonly List<Merge> _merges = [];
    private readonly HashSet<string> _known = new(ByteAlphabet.Symbols, StringComparer.Ordinal);

    /// <summary>Adds a merge.</summary>
    /// <param name="place">The merge's place in the file.</param>
    /// <param name="parts">The two symbols.</param>
    /// <exception cref="InvalidDataException">It is not a valid merge; the message names file and place.</exception>
    public void Add(string place, string[] parts)
    {
        var text = string.Join(' ', parts);
        if (parts is not [{ Length: > 0 } left, { Length: > 0 } right])
        {
            throw Bad(place, $"\"{Shorten(text)}\" is not two symbols separated by a space");
        }

        if (parts.FirstOrDefault(symbol => !_known.Contains(symbol)) is { } unknown)
        {
            throw Bad(place, $"\"{Shorten(unknown)}\" is neither a byte nor the result of an earlier merge");
        }

        if (left.EndsWith(ByteAlphabet.EndOfWord, StringComparison.Ordinal) || !_known.Add(left + right))
        {
            throw Bad(place, $"\"{Shorten(text)}\" cannot be merged: the result already exists or continues past the end of a word");
        }

        _merges.Add(new Merge(left, right));
    }

    public MergeList Build() => MergeList.Of(_merges);

    private InvalidDataException Bad(string place, string reason) => new($"{name}, {place}: {reason}");

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
