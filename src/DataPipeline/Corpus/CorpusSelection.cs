using System.IO.Compression;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>One applied rule of a selection.</summary>
/// <param name="Rule">Description of the rule.</param>
/// <param name="Rows">Rows left after it.</param>
public sealed record SelectionStep(string Rule, long Rows)
{
    public override string ToString() => $"{Rule}: {Rows} left";
}

/// <summary>
/// The rows of a corpus that are samples. Part of the manifest, so that everyone with the manifest has the same samples: computing a
/// selection may read every image and is done once.
/// </summary>
/// <param name="Steps">The rules, in order of application.</param>
/// <param name="Rows">One bit per row, compressed.</param>
public sealed record CorpusSelection(IReadOnlyList<SelectionStep> Steps, byte[] Rows)
{
    internal static CorpusSelection Pack(IReadOnlyList<SelectionStep> steps, RowMask rows)
    {
        using var packed = new MemoryStream();
        using (var deflate = new DeflateStream(packed, CompressionLevel.Fastest))
        {
            deflate.Write(MemoryMarshal.AsBytes(rows.Words));
        }

        return new CorpusSelection(steps, packed.ToArray());
    }

    /// <exception cref="InvalidDataException">The number of bits is not the number of rows.</exception>
    internal RowMask Unpack(long rowCount)
    {
        var words = new ulong[(rowCount + 63) / 64];
        using var deflate = new DeflateStream(new MemoryStream(Rows), CompressionMode.Decompress);
        var read = deflate.ReadAtLeast(MemoryMarshal.AsBytes(words.AsSpan()), words.Length * sizeof(ulong), throwOnEndOfStream: false);
        return read == words.Length * sizeof(ulong) && deflate.ReadByte() < 0
            ? new RowMask(rowCount, words)
            : throw new InvalidDataException($"its selection is not one of {rowCount} rows");
    }
}

/// <summary>A set of rows, counted through all files of a corpus: one bit per row.</summary>
internal sealed class RowMask
{
    private const int WordBits = 64;

    private readonly ulong[] _words;

    /// <summary>A set of all rows.</summary>
    public RowMask(long rows)
    {
        Rows = rows;
        _words = new ulong[(rows + WordBits - 1) / WordBits];
        Array.Fill(_words, ulong.MaxValue);
        if (rows % WordBits != 0)
        {
            _words[^1] = (1UL << (int)(rows % WordBits)) - 1;
        }
    }

    /// <param name="rows">Rows of the corpus.</param>
    /// <param name="words">Row r is bit r mod 64 of word r / 64; bits after the last row are 0.</param>
    public RowMask(long rows, ulong[] words) => (Rows, _words) = (rows, words);

    /// <summary>Rows of the corpus, in the set or not.</summary>
    public long Rows { get; }

    /// <summary>Rows in the set.</summary>
    public long Count => _words.Sum(word => (long)BitOperations.PopCount(word));

    public ReadOnlySpan<ulong> Words => _words;

    public bool this[long row] => (_words[row / WordBits] >> (int)(row % WordBits) & 1) != 0;

    public void Remove(long row) => _words[row / WordBits] &= ~(1UL << (int)(row % WordBits));

    /// <summary>The sets of several corpora concatenated.</summary>
    public static RowMask Join(IReadOnlyList<RowMask> sets)
    {
        var words = new ulong[(sets.Sum(set => set.Rows) + WordBits - 1) / WordBits];
        long rows = 0;
        foreach (var set in sets)
        {
            var (word, shift) = ((int)(rows / WordBits), (int)(rows % WordBits));
            foreach (var bits in set._words)
            {
                words[word++] |= bits << shift;
                // Bits beyond the last word lie after the last row and are 0.
                if (shift > 0 && word < words.Length)
                {
                    words[word] |= bits >> (WordBits - shift);
                }
            }

            rows += set.Rows;
        }

        return new RowMask(rows, words);
    }

    /// <summary>Number of rows in the set among <paramref name="rows"/> rows from <paramref name="first"/> on.</summary>
    public int CountIn(long first, int rows)
    {
        var count = 0;
        var row = first;
        while (row < first + rows)
        {
            var word = WordFrom(row, out var next);
            count += BitOperations.PopCount(next <= first + rows ? word : word & ((1UL << (int)(first + rows - row)) - 1));
            row = next;
        }

        return count;
    }

    /// <summary>
    /// The row of the set that has <paramref name="nth"/> rows of the set before it, counted from <paramref name="first"/> on.
    /// </summary>
    public long Find(long first, int nth)
    {
        var row = first;
        while (true)
        {
            var word = WordFrom(row, out var next);
            var count = BitOperations.PopCount(word);
            if (nth < count)
            {
                for (; nth > 0; nth--)
                {
                    word &= word - 1;
                }

                return row + BitOperations.TrailingZeroCount(word);
            }

            nth -= count;
            row = next;
        }
    }

    /// <summary>SHA-256 (hexadecimal) of a corpus's hash and the set.</summary>
    public string HashWith(string filesHash)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(filesHash));
        hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(Words));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>
    /// The bits from a row to the end of its word, the row's own lowest; <paramref name="next"/> is the row after them.
    /// </summary>
    private ulong WordFrom(long row, out long next)
    {
        next = (row / WordBits * WordBits) + WordBits;
        return _words[row / WordBits] >> (int)(row % WordBits);
    }
}
