using System.Text.RegularExpressions;

namespace ClipTrain.Fuzz;

/// <summary>Results of reading the damaged files.</summary>
public sealed partial class FuzzReport
{
    private const int LongestReason = 70;

    private readonly Dictionary<string, long> _reasons = new(StringComparer.Ordinal);

    /// <summary>Number of files tried.</summary>
    public long Mutated { get; private set; }

    /// <summary>Number of files read without an error.</summary>
    public long Accepted { get; private set; }

    /// <summary>The most resident memory of a child, in bytes.</summary>
    public long PeakMemory { get; set; }

    /// <summary>Crashes, hangs, leaks and unexplained exceptions, each with the number of its file.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Failures by reason; reasons that differ only in numbers or names are one.</summary>
    public IReadOnlyDictionary<string, long> Reasons => _reasons;

    public void Add(IReadOnlyList<string> reasons)
    {
        Mutated++;
        if (reasons.Count == 0)
        {
            Accepted++;
        }

        foreach (var kind in reasons.Select(Kind).Distinct(StringComparer.Ordinal))
        {
            _reasons[kind] = _reasons.GetValueOrDefault(kind) + 1;
        }
    }

    /// <summary>Records a file that crashed or blocked the process.</summary>
    public void AddViolation(string what)
    {
        Mutated++;
        Violations.Add(what);
    }

    public void Write(TextWriter output)
    {
        foreach (
            var (reason, count) in _reasons.OrderByDescending(reason => reason.Value).ThenBy(reason => reason.Key, StringComparer.Ordinal)
        )
        {
            output.WriteLine($"{count.ToString(System.Globalization.CultureInfo.InvariantCulture).PadLeft(8)}  {reason}");
        }

        foreach (var violation in Violations)
        {
            output.WriteLine($"VIOLATION  {violation}");
        }

        output.WriteLine(
            $"{Mutated} mutated, {Accepted} accepted, {Mutated - Accepted - Violations.Count} failures of {_reasons.Count} named kinds, "
                + $"{Violations.Count} crashes, hangs or leaks, at most {PeakMemory >> 20} MiB"
        );
    }

    private static string Kind(string reason)
    {
        // libvips lists several errors; the first is the cause.
        var kind = Quoted().Replace(Numbers().Replace(reason.Split(';')[0], "#"), "'…'");
        return kind.Length <= LongestReason ? kind : kind[..LongestReason] + "…";
    }

    [GeneratedRegex("(?:0x)?[0-9a-f]*[0-9]+[0-9a-f]*", RegexOptions.None, 60_000)]
    private static partial Regex Numbers();

    [GeneratedRegex("['\"“][^'\"”]*['\"”]", RegexOptions.None, 60_000)]
    private static partial Regex Quoted();
}
