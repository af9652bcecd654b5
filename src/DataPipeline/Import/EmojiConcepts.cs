using System.Text.RegularExpressions;

namespace ClipTrain.DataPipeline.Import;

/// <summary>
/// Concepts drawn by several vendors. A concept is a name used by Noto or Twemoji, that is, Unicode's name; other vendors' drawings
/// belong to it by that name, by an alias, or by the same letters without hyphens.
/// </summary>
/// <remarks>
/// Excluded because their pictures hardly differ: skin tones, families by member, and people facing right. Also excluded: drawings that
/// match no concept (brands and other extras), and concepts with a single drawing.
/// </remarks>
internal sealed partial class EmojiConcepts
{
    private const string FlagFor = "flag-for-";

    /// <summary>Concept → vendor → that vendor's name for it.</summary>
    private readonly SortedDictionary<string, Dictionary<string, string>> _drawings = new(StringComparer.Ordinal);

    /// <param name="naming">The sets whose names define the concepts.</param>
    /// <param name="sets">All sets, including the naming ones.</param>
    public EmojiConcepts(IReadOnlyList<EmojiSet> naming, IReadOnlyList<EmojiSet> sets)
    {
        foreach (var name in naming.SelectMany(s => s.Names).Where(n => !LeftOut().IsMatch(n)))
        {
            _drawings.TryAdd(name, new Dictionary<string, string>(StringComparer.Ordinal));
        }

        var aliases = Aliases(naming.Concat(sets));
        var squashed = Squashed(aliases);
        foreach (var set in sets)
        {
            // Exact names first, so that they win over looser matches.
            Assign(set, name => name);
            Assign(set, name => name.StartsWith(FlagFor, StringComparison.Ordinal) ? "flag-" + name[FlagFor.Length..] : null);
            Assign(set, name => aliases.GetValueOrDefault(name));
            var further = set
                .Aliases.Where(a => _drawings.ContainsKey(a.Name))
                .GroupBy(a => a.Drawing, StringComparer.Ordinal)
                .ToDictionary(g => g.Key, g => g.First().Name, StringComparer.Ordinal);
            Assign(set, name => further.GetValueOrDefault(name));
            Assign(set, name => squashed.GetValueOrDefault(Squash(name)));
        }

        foreach (var name in _drawings.Where(d => d.Value.Count < 2).Select(d => d.Key).ToArray())
        {
            _drawings.Remove(name);
        }
    }

    /// <summary>The concepts, in ordinal order.</summary>
    public IReadOnlyCollection<string> Names => _drawings.Keys;

    /// <summary>The vendor's name for its drawing of the concept; null if it has none.</summary>
    public string? Drawing(string concept, string vendor) => _drawings[concept].GetValueOrDefault(vendor);

    /// <summary>Number of vendors that have drawn the concept.</summary>
    public int Vendors(string concept) => _drawings[concept].Count;

    /// <summary>The concept's name as words.</summary>
    public static string Caption(string concept) => concept.Replace('-', ' ');

    [GeneratedRegex(
        "skin-tone|-tone[1-5]|^family-|-facing-right$",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex LeftOut();

    private static string Squash(string name) => name.Replace("-", "", StringComparison.Ordinal);

    private void Assign(EmojiSet set, Func<string, string?> concept)
    {
        foreach (var name in set.Names)
        {
            if (concept(name) is { } found && _drawings.TryGetValue(found, out var vendors))
            {
                vendors.TryAdd(set.Vendor, name);
            }
        }
    }

    private Dictionary<string, string> Aliases(IEnumerable<EmojiSet> sets)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (alias, drawing) in sets.SelectMany(s => s.Aliases))
        {
            if (_drawings.ContainsKey(drawing) && !_drawings.ContainsKey(alias))
            {
                result.TryAdd(alias, drawing);
            }
        }

        return result;
    }

    private Dictionary<string, string> Squashed(Dictionary<string, string> aliases)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (
            var (name, concept) in _drawings
                .Keys.Select(n => (n, n))
                .Concat(aliases.Select(a => (a.Key, a.Value)).OrderBy(a => a.Key, StringComparer.Ordinal))
        )
        {
            result.TryAdd(Squash(name), concept);
        }

        return result;
    }
}
