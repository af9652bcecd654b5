using System.Globalization;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>Worker names. Nodes start "worker-0", "worker-1", …; other workers choose their own names.</summary>
public static class WorkerIds
{
    private const string Prefix = "worker-";

    /// <summary>Natural order as a comparer.</summary>
    public static readonly Comparer<string> NaturalOrder = Comparer<string>.Create(Compare);

    /// <summary>The id of managed worker 0, 1, …</summary>
    public static string ForSlot(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        return string.Create(CultureInfo.InvariantCulture, $"{Prefix}{slot}");
    }

    /// <summary>
    /// Natural order, in which numbers compare as numbers: worker-2 comes before worker-10. Only equal ids compare as equal.
    /// </summary>
    public static int Compare(string left, string right)
    {
        var (l, r) = (0, 0);
        while (l < left.Length && r < right.Length)
        {
            var order =
                char.IsAsciiDigit(left[l]) && char.IsAsciiDigit(right[r])
                    ? CompareNumbers(NumberAt(left, ref l), NumberAt(right, ref r))
                    : left[l++].CompareTo(right[r++]);
            if (order != 0)
            {
                return order;
            }
        }

        var rest = (left.Length - l).CompareTo(right.Length - r);
        return rest != 0 ? rest : string.CompareOrdinal(left, right);
    }

    /// <summary>Compares digits without leading zeros: the longer number is larger.</summary>
    private static int CompareNumbers(ReadOnlySpan<char> left, ReadOnlySpan<char> right) =>
        left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.SequenceCompareTo(right);

    private static ReadOnlySpan<char> NumberAt(string text, ref int position)
    {
        var start = position;
        while (position < text.Length && char.IsAsciiDigit(text[position]))
        {
            position++;
        }

        return text.AsSpan(start, position - start).TrimStart('0');
    }
}
