using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Decides which rows of a corpus are samples. The subset comes last, so that whatever the other rules select, a smaller
/// fraction of it lies in a larger one.
/// </summary>
public static class CorpusSelector
{
    /// <summary>The same corpus with the rows that the options select; a corpus of which all are selected is returned as it is.</summary>
    /// <param name="manifest">A corpus without a selection; those of a mixture are selected before they are mixed.</param>
    /// <param name="options">The rules.</param>
    /// <param name="onRule">Gets the name of each rule before it is applied; some read every image.</param>
    /// <exception cref="CorpusException">A rule does not fit the corpus, or nothing is left.</exception>
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
                throw new CorpusException(
                    $"no row of the corpus is left: {manifest.RowCount} rows; {string.Join("; ", steps)}. Loosen the last rule"
                );
        }

        return steps.TrueForAll(step => step.Rows == manifest.RowCount) ? manifest : manifest.With(CorpusSelection.Pack(steps, rows));
    }

    private static IEnumerable<ISelectionRule> Rules(CorpusManifest manifest, SelectionOptions options)
    {
        if (DownloadStatus.Of(manifest) is { } status)
            yield return status;
        if (options.Filter is not null)
            yield return new FilterRule($"filter {options.Filter}", options.Filter, "data.filter");
        if (options.Deduplicate == Deduplication.Exact)
            yield return new ExactDuplicates();
        if (options.Deduplicate == Deduplication.Perceptual)
            yield return new PerceptualDuplicates();
        if (options.Queries.Count > 0)
            yield return new BalanceRule(options.Queries, options.QueryCap, options.Seed);
        if (options.Subset < 1)
            yield return new SubsetRule(options.Subset, options.Seed);
    }
}
