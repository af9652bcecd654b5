using System.IO.Compression;
using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Text.HuggingFace;

namespace ClipTrain.DataPipeline.Text;

/// <summary>Two symbols that become one.</summary>
public readonly record struct Merge(string Left, string Right);

/// <summary>
/// The merges of a byte-pair vocabulary, in order. As a file: UTF-8 text, perhaps compressed by gzip, with an optional
/// first line that has "#version" in it, then "left right" on each line.
/// </summary>
public sealed class MergeList
{
    /// <summary>What a vocabulary has besides its merges.</summary>
    public const int TokensWithoutMerges = (2 * ByteAlphabet.Size) + 2;

    internal const string StartOfText = "<|startoftext|>",
        EndOfText = "<|endoftext|>";

    /// <summary>A list of a million merges has some 20 MB; what unpacks to more is none.</summary>
    private const int MaxBytes = 64 << 20;

    private const string Version = "#version: 0.2";

    private MergeList(IReadOnlyList<Merge> merges) => Merges = merges;

    public IReadOnlyList<Merge> Merges { get; }

    /// <summary>
    /// Tokens of the vocabulary: 256 bytes, 256 bytes at the end of a word, the merges, start and end of text. OpenAI's has
    /// 49,408; the paper's 49,152 counts each byte once.
    /// </summary>
    public int VocabularySize => TokensWithoutMerges + Merges.Count;

    /// <summary>The tokens in the order of their ids, as Hugging Face's files write them.</summary>
    public IEnumerable<string> Symbols => [.. ByteAlphabet.Symbols, .. Merges.Select(m => m.Left + m.Right), StartOfText, EndOfText];

    /// <summary>The 48,894 merges of OpenAI's CLIP.</summary>
    public static MergeList OpenAi()
    {
        using var stream = typeof(MergeList).Assembly.GetManifestResourceStream("openai-merges.txt.gz")!;
        return Read(stream, "openai-merges.txt.gz");
    }

    /// <summary>
    /// The vocabulary that a run names: <c>openai</c>, a merge list, Hugging Face's tokenizer.json (a name that ends in
    /// .json) or a folder of Hugging Face's files.
    /// </summary>
    /// <exception cref="InvalidDataException">It is none of CLIP's kind; the message names file and place.</exception>
    public static MergeList Named(string name) =>
        name switch
        {
            "openai" => OpenAi(),
            _ when Directory.Exists(name) => TokenizerFolder.Read(name),
            _ when name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) => TokenizerJson.Read(name),
            _ => Load(name),
        };

    /// <summary>A merge list alone.</summary>
    /// <exception cref="InvalidDataException">A line is no merge of known symbols; the message names file and line.</exception>
    public static MergeList Load(string path)
    {
        RegularFile.Require(path);
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
            throw new InvalidDataException($"{name}: no list of merges; it is neither UTF-8 text nor gzip of that", e);
        }
    }

    private static MemoryStream Bounded(Stream stream, string name)
    {
        var text = new MemoryStream();
        var block = new byte[1 << 16];
        for (int read; (read = stream.Read(block)) > 0; )
        {
            if (text.Length + read > MaxBytes)
                throw new InvalidDataException($"{name}: holds more than {MaxBytes >> 20} MiB of text, which no list of merges does");
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
                merges.Add($"line {number}", line.Split(' '));
        }

        return merges.Build();
    }
}
