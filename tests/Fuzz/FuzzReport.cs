using System.Text.RegularExpressions;

namespace ClipTrain.Fuzz;

/// <summary>Results of the damaged files.</summary>
public sealed partial class FuzzReport
{
    private const int LongestReason = 70;

    private readonly Dictionary<string, long> _reasons = new(StringComparer.Ordinal);

    /// <summary>Files that were tried.</summary>
    public long Mutated { get; private set; }

    /// <summary>Files that were read as if nothing were wrong.</summary>
    public long Accepted { get; private set; }

    /// <summary>The most resident memory of a child, in bytes.</summary>
    public long PeakMemory { get; set; }

    /// <summary>Crashes, hangs, leaks and exceptions that name nothing, each with the number of its file.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Failures by reason; numbers and names in a reason count as the same.</summary>
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

    /// <summary>A file that brought the process down, or held it up.</summary>
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
        // libvips lists what went wrong one after the other; the first is the cause.
        var kind = Quoted().Replace(Numbers().Replace(reason.Split(';')[0], "#"), "'…'");
        return kind.Length <= LongestReason ? kind : kind[..LongestReason] + "…";
    }

    [GeneratedRegex("(?:0x)?[0-9a-f]*[0-9]+[0-9a-f]*", RegexOptions.None, 60_000)]
    private static partial Regex Numbers();

    [GeneratedRegex("['\"“][^'\"”]*['\"”]", RegexOptions.None, 60_000)]
    private static partial Regex Quoted();
}
