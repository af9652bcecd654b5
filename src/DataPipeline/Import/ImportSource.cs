namespace ClipTrain.DataPipeline.Import;

/// <summary>Source of the rows of an import: inputs in a fixed order, each a fixed sequence of rows.</summary>
public abstract class ImportSource
{
    /// <summary>
    /// Everything besides the inputs that determines the rows: the kind of source and its options, by their command-line names.
    /// </summary>
    public abstract IReadOnlyDictionary<string, string> Arguments { get; }

    /// <summary>The inputs, in the order of their rows.</summary>
    public abstract IReadOnlyList<ImportInput> Inputs { get; }

    /// <summary>Names of the rows' additional values, in column order; may be determined from the first rows.</summary>
    internal abstract IReadOnlyList<string> ExtraNames();

    /// <summary>The rows of an input, in order. Several inputs may be read concurrently, each by one thread.</summary>
    /// <exception cref="Corpus.CorpusException">The input as a whole cannot be read.</exception>
    internal abstract IEnumerable<PendingRow> Read(int input);

    /// <summary>True if rows may have several captions, judged by the first rows.</summary>
    internal virtual bool HasSeveralCaptions() => false;

    /// <summary>Names of additional values in the first rows, in order of appearance, for sources that do not declare them.</summary>
    protected IReadOnlyList<string> NamesOfFirstRows() =>
        [.. FirstRows().SelectMany(row => row.Extra).Select(e => e.Key).Distinct(StringComparer.Ordinal)];

    /// <summary>The rows from which the columns are determined.</summary>
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
                // Counted as a failure when the import reaches it.
                continue;
            }

            yield return row;
        }
    }
}

/// <summary>A pair to import.</summary>
/// <param name="Path">The image file's name in its source: relative, with forward slashes.</param>
/// <param name="Image">The unchanged bytes of the image file.</param>
/// <param name="Captions">The captions; empty or blank if the source has none.</param>
/// <param name="Extra">Additional values of the pair, as text; of several values with one name the first counts.</param>
internal sealed record ImportRow(
    string Path,
    byte[] Image,
    IReadOnlyList<string> Captions,
    IReadOnlyList<KeyValuePair<string, string?>> Extra
);

/// <summary>A pair that has been found but not yet made; rows are made in parallel.</summary>
/// <param name="Place">Its location, such as <c>pairs.csv:12</c> or <c>00000.tar:000123</c>.</param>
/// <param name="Position">Progress in its input, in the unit of <see cref="ImportInput.Size"/>.</param>
/// <param name="Bytes">Memory that it already occupies.</param>
/// <param name="Make">Makes the row; throws <see cref="ImportRowException"/> if it cannot be used.</param>
internal sealed record PendingRow(string Place, long Position, long Bytes, Func<ImportRow> Make);

/// <summary>A pair that cannot be imported. The import continues without it.</summary>
/// <param name="reason">The kind of problem, with the same wording for all such pairs: reports count by it.</param>
/// <param name="detail">Details of this pair.</param>
internal sealed class ImportRowException(string reason, string detail, Exception? inner = null) : Exception($"{reason}: {detail}", inner)
{
    public string Reason => reason;

    public string Detail => detail;
}
