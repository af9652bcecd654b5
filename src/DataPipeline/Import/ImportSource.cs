namespace ClipTrain.DataPipeline.Import;

/// <summary>Where the rows of an import come from: inputs in a fixed order, each a fixed sequence of rows.</summary>
public abstract class ImportSource
{
    /// <summary>What decides the rows beside the inputs: the kind of source and its options, by the names that a user knows.</summary>
    public abstract IReadOnlyDictionary<string, string> Arguments { get; }

    /// <summary>The inputs, in the order in which their rows come.</summary>
    public abstract IReadOnlyList<ImportInput> Inputs { get; }

    /// <summary>
    /// Names of what rows have beside image and caption, in the order of the columns; may be found by looking at the first rows.
    /// </summary>
    internal abstract IReadOnlyList<string> ExtraNames();

    /// <summary>The rows of an input, in order. Several inputs may be read at once, each by one thread.</summary>
    /// <exception cref="Corpus.CorpusException">The input as a whole cannot be read.</exception>
    internal abstract IEnumerable<PendingRow> Read(int input);

    /// <summary>Whether rows may have several captions, by the first of them.</summary>
    internal virtual bool HasSeveralCaptions() => false;

    /// <summary>
    /// The extra names of the first rows, in the order of their first appearance: for sources that do not say them beforehand.
    /// </summary>
    protected IReadOnlyList<string> NamesOfFirstRows() =>
        [.. FirstRows().SelectMany(row => row.Extra).Select(e => e.Key).Distinct(StringComparer.Ordinal)];

    /// <summary>The rows that tell which columns there are.</summary>
    private protected IEnumerable<ImportRow> FirstRows()
    {
        const int rows = 100;
        foreach (var pending in Enumerable.Range(0, Inputs.Count).SelectMany(Read).Take(rows))
        {
            ImportRow row;
            try
            {
                row = pending.Make();
            }
            catch (ImportRowException)
            {
                // It will be counted when its turn comes.
                continue;
            }

            yield return row;
        }
    }
}
