using System.Runtime.CompilerServices;

namespace ClipTrain.DataPipeline.Text;

/// <summary>Lookup of the token that two adjacent tokens merge into: a flat hash table with linear probing, at most half full.</summary>
internal sealed class MergeTable
{
    private const ulong Empty = ulong.MaxValue;

    private readonly Slot[] _slots;
    private readonly int _shift;

    public MergeTable(MergeList list)
    {
        var bits = 4;
        while (1 << bits < 2 * list.Merges.Count)
        {
            bits++;
        }

        _shift = 64 - bits;
        _slots = new Slot[1 << bits];
        Array.Fill(_slots, new Slot(Empty, -1));

        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var symbol in ByteAlphabet.Symbols)
        {
            tokens.Add(symbol, tokens.Count);
        }

        foreach (var (left, right) in list.Merges)
        {
            Add(Pair(tokens[left], tokens[right]), tokens.Count);
            tokens.Add(left + right, tokens.Count);
        }
    }

    /// <summary>
    /// The merged token, which grows with the merge's place in the list; <see cref="int.MaxValue"/> if the two do not merge.
    /// </summary>
    public int Find(int left, int right)
    {
        var pair = Pair(left, right);
        for (var at = Home(pair); ; at = (at + 1) & (_slots.Length - 1))
        {
            ref readonly var slot = ref _slots[at];
            if (slot.Pair == pair)
            {
                return slot.Token;
            }

            if (slot.Pair == Empty)
            {
                return int.MaxValue;
            }
        }
    }

    private void Add(ulong pair, int token)
    {
        var at = Home(pair);
        while (_slots[at].Pair != Empty)
        {
            at = (at + 1) & (_slots.Length - 1);
        }

        _slots[at] = new Slot(pair, token);
    }

    private static ulong Pair(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    /// <summary>Multiplicative hashing (Knuth, volume 3, 6.4) by the golden ratio, which spreads neighbouring pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Home(ulong pair) => (int)((pair * 0x9E3779B97F4A7C15) >> _shift);

    private readonly record struct Slot(ulong Pair, int Token);
}
