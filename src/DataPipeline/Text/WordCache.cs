using System.Buffers.Binary;

namespace ClipTrain.DataPipeline.Text;

/// <summary>
/// Tokens of words encoded before: captions repeat few words. Lock-free for readers; words are published atomically. Memory is bounded: a
/// word whose few slots are taken is encoded each time.
/// </summary>
internal sealed class WordCache
{
    private const int Slots = 1 << 16,
        Probes = 8,
        MaxLength = 64;

    private readonly Word?[] _words = new Word?[Slots];

    /// <summary>A 64-bit hash of a word, computed eight bytes at a time.</summary>
    public static ulong Hash(ReadOnlySpan<byte> word)
    {
        const ulong multiplier = 0x9E3779B97F4A7C15;
        var hash = (ulong)word.Length * multiplier;
        for (; word.Length >= 8; word = word[8..])
        {
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(word));
        }

        ulong rest = 0;
        foreach (var b in word)
        {
            rest = (rest << 8) | b;
        }

        return Mix(hash ^ rest);

        static ulong Mix(ulong value)
        {
            var high = Math.BigMul(value, multiplier, out var low);
            return high ^ low;
        }
    }

    /// <summary>The tokens of a word; null if it is not cached.</summary>
    public int[]? Find(ReadOnlySpan<byte> word, ulong hash)
    {
        for (var i = 0; i < Probes && Volatile.Read(ref Slot(hash, i)) is { } known; i++)
        {
            if (known.Hash == hash && word.SequenceEqual(known.Bytes))
            {
                return known.Tokens;
            }
        }

        return null;
    }

    public void Add(ReadOnlySpan<byte> word, ulong hash, int[] tokens)
    {
        if (word.Length > MaxLength)
        {
            return;
        }

        var added = new Word(hash, word.ToArray(), tokens);
        for (var i = 0; i < Probes; i++)
        {
            if (Interlocked.CompareExchange(ref Slot(hash, i), added, null) is null)
            {
                return;
            }
        }
    }

    private ref Word? Slot(ulong hash, int i) => ref _words[((int)hash + i) & (Slots - 1)];

    private sealed record Word(ulong Hash, byte[] Bytes, int[] Tokens);
}
