using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>
/// Unicode's normalisation form C (UAX #15, Unicode 14.0): letters and their marks are composed where a composed character exists. .NET
/// has no implementation without ICU.
/// </summary>
internal static class Composition
{
    // Hangul is composed by arithmetic (The Unicode Standard, 3.12).
    private const int Syllables = 0xAC00,
        Leads = 0x1100,
        Vowels = 0x1161,
        Tails = 0x11A7,
        LeadCount = 19,
        VowelCount = 21,
        TailCount = 28;

    private static readonly FrozenDictionary<int, int> Classes;
    private static readonly FrozenDictionary<int, int[]> Parts;
    private static readonly FrozenDictionary<(int First, int Second), int> Wholes;
    private static readonly FrozenSet<int> Unsettled;

    static Composition()
    {
        var classes = new Dictionary<int, int>();
        var parts = new Dictionary<int, int[]>();
        var wholes = new Dictionary<(int, int), int>();
        var unsettled = new HashSet<int>();
        foreach (var line in Table.Read("unicode-nfc.txt"))
        {
            var code = Hex(line[0]);
            if (line[1][0] == '=')
            {
                classes.Add(code, Hex(line[1][1..]));
                continue;
            }

            parts.Add(code, Array.ConvertAll(line[1].TrimStart('!').Split(' '), Hex));
            if (line[1][0] == '!')
            {
                unsettled.Add(code);
            }
            else
            {
                wholes.Add((parts[code][0], parts[code][1]), code);
            }
        }

        unsettled.UnionWith(wholes.Keys.Select(pair => pair.Item2));
        unsettled.UnionWith(Enumerable.Range(Vowels, VowelCount).Concat(Enumerable.Range(Tails + 1, TailCount - 1)));
        (Classes, Parts, Wholes, Unsettled) = (
            classes.ToFrozenDictionary(),
            parts.ToFrozenDictionary(),
            wholes.ToFrozenDictionary(),
            unsettled.ToFrozenSet()
        );
    }

    /// <summary>True if a character may change, or combine with the one before it.</summary>
    public static bool MayChange(int codePoint) => codePoint >= 0x300 && Unsettled.Contains(codePoint);

    /// <summary>True for marks that can only change their order among other marks.</summary>
    public static bool IsMark(int codePoint) => ClassOf(codePoint) > 0 && !Unsettled.Contains(codePoint);

    /// <summary>The text in normalisation form C.</summary>
    public static string Compose(string text)
    {
        var settled = true;
        foreach (var rune in text.EnumerateRunes())
        {
            settled &= !MayChange(rune.Value) && !IsMark(rune.Value);
        }

        if (settled)
        {
            return text;
        }

        var runes = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, runes);
        }

        Compose(runes);
        var result = new StringBuilder(text.Length);
        foreach (var rune in runes)
        {
            result.Append(new Rune(rune).ToString());
        }

        return result.ToString();
    }

    /// <summary>Appends a character's parts, each mark after those of the same or a lower class.</summary>
    private static void Decompose(int code, List<int> result)
    {
        if (code - Syllables is var syllable and >= 0 and < LeadCount * VowelCount * TailCount)
        {
            result.Add(Leads + (syllable / (VowelCount * TailCount)));
            result.Add(Vowels + (syllable / TailCount % VowelCount));
            if (syllable % TailCount > 0)
            {
                result.Add(Tails + (syllable % TailCount));
            }
        }
        else if (Parts.TryGetValue(code, out var parts))
        {
            foreach (var part in parts)
            {
                Decompose(part, result);
            }
        }
        else
        {
            var at = result.Count;
            var mark = ClassOf(code);
            while (mark > 0 && at > 0 && ClassOf(result[at - 1]) > mark)
            {
                at--;
            }

            result.Insert(at, code);
        }
    }

    /// <summary>
    /// Combines each character with the last one of class 0 before it, unless a character between them has the same or a higher class.
    /// </summary>
    private static void Compose(List<int> runes)
    {
        int kept = 0,
            starter = -1,
            between = 0;
        foreach (var rune in runes.ToArray())
        {
            var mark = ClassOf(rune);
            var adjacent = starter == kept - 1;
            if (starter >= 0 && (adjacent || between < mark) && Whole(runes[starter], rune) is var whole and > 0)
            {
                runes[starter] = whole;
                continue;
            }

            if (mark == 0)
            {
                starter = kept;
            }

            between = mark;
            runes[kept++] = rune;
        }

        runes.RemoveRange(kept, runes.Count - kept);
    }

    private static int Whole(int first, int second)
    {
        if (first - Leads is var lead and >= 0 and < LeadCount && second - Vowels is var vowel and >= 0 and < VowelCount)
        {
            return Syllables + (((lead * VowelCount) + vowel) * TailCount);
        }

        if (
            first - Syllables is var syllable and >= 0 and < LeadCount * VowelCount * TailCount
            && syllable % TailCount == 0
            && second - Tails is var tail and > 0 and < TailCount
        )
        {
            return first + tail;
        }

        return Wholes.GetValueOrDefault((first, second));
    }

    private static int ClassOf(int code) => code < 0x300 ? 0 : Classes.GetValueOrDefault(code);

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
