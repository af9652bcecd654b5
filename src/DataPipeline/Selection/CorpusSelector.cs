using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Selects the rows of a corpus that are samples. The subset comes last, so that a smaller fraction of any selection is contained in a
/// larger one.
/// </summary>
public static class CorpusSelector
{
    /// <summary>The same corpus with the rows that the options select; returned unchanged if all are.</summary>
    /// <param name="manifest">A corpus without a selection; corpora of a mixture are selected before they are mixed.</param>
    /// <param name="options">The rules.</param>
    /// <param name="onRule">Called with the name of each rule before it is applied; some rules read every image.</param>
    /// <exception cref="CorpusException">A rule does not apply to the corpus, or no row is left.</exception>
    public static CorpusManifest Select(CorpusManifest manifest, SelectionOptions options, Action<string>? onRule = null)
    {
        var rows = new RowMask(manifest.RowCount);
        var steps = new List<SelectionStep>();
        foreach (var rule in Rules(manifest, options))
        {
            onRule?.Invoke(rule.Name);
            rule.Apply(manifest, rows);
            steps.Add(new SelectionStep(rule.Name, rows.Count));
            if (steps[^1].Rows == 0)
            {
                throw new CorpusException(
                    $"no row of the corpus is left: {manifest.RowCount} rows; {string.Join("; ", steps)}. Loosen the last rule"
                );
            }
        }

        return steps.TrueForAll(step => step.Rows == manifest.RowCount) ? manifest : manifest.With(CorpusSelection.Pack(steps, rows));
    }

    private static IEnumerable<ISelectionRule> Rules(CorpusManifest manifest, SelectionOptions options)
    {
        if (DownloadStatus.Of(manifest) is { } status)
        {
            yield return status;
        }

        if (options.Filter is not null)
        {
            yield return new FilterRule($"filter {options.Filter}", options.Filter, "data.filter");
        }

        if (options.Deduplicate == Deduplication.Exact)
        {
            yield return new ExactDuplicates();
        }

        if (options.Deduplicate == Deduplication.Perceptual)
        {
            yield return new PerceptualDuplicates();
        }

        if (options.Queries.Count > 0)
        {
            yield return new BalanceRule(options.Queries, options.QueryCap, options.Seed);
        }

        if (options.Subset < 1)
        {
            yield return new SubsetRule(options.Subset, options.Seed);
        }
    }
}

/// <summary>Choice among pairs with the same image.</summary>
public enum Deduplication
{
    /// <summary>Keeps all.</summary>
    None,

    /// <summary>Keeps the first of pairs with identical image files.</summary>
    Exact,

    /// <summary>Keeps the first of pairs whose images look the same; see <see cref="PerceptualHash"/>.</summary>
    Perceptual,
}

/// <summary>Rules that select the rows of a corpus. The defaults select all rows whose download did not fail.</summary>
public sealed record SelectionOptions
{
    /// <summary>A SQL condition over the columns, or null.</summary>
    public string? Filter { get; init; }

    public Deduplication Deduplicate { get; init; }

    /// <summary>Queries to balance over; empty for no balancing.</summary>
    public IReadOnlyList<string> Queries { get; init; } = [];

    /// <summary>Average number of pairs kept per query, see <see cref="QueryBalance"/>.</summary>
    public int QueryCap { get; init; } = 20_000;

    /// <summary>Share of the remaining rows to keep, in (0, 1].</summary>
    public double Subset { get; init; } = 1;

    /// <summary>Seed of random draws.</summary>
    public ulong Seed { get; init; }
}

/// <summary>One rule of a selection.</summary>
internal interface ISelectionRule
{
    /// <summary>Description of the rule in reports.</summary>
    string Name { get; }

    /// <summary>Removes rows from the set. Depends only on the corpus and the set.</summary>
    /// <exception cref="CorpusException">The rule does not apply to the corpus, or a file cannot be read.</exception>
    void Apply(CorpusManifest manifest, RowMask rows);
}
