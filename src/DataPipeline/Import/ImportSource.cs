using ClipTrain.DataPipeline.Corpus;

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

/// <summary>One pair that is imported.</summary>
/// <param name="Path">The image file's name in its source; relative, with forward slashes.</param>
/// <param name="Image">The image file's bytes, as they were found.</param>
/// <param name="Captions">The captions; none, or blank, where the source has none.</param>
/// <param name="Extra">What else the source says of the pair, as text; a name that comes twice counts once.</param>
internal sealed record ImportRow(
    string Path,
    byte[] Image,
    IReadOnlyList<string> Captions,
    IReadOnlyList<KeyValuePair<string, string?>> Extra
);

/// <summary>A pair that has been found but not yet made: making it is what several threads do at once.</summary>
/// <param name="Place">Where it is, as in <c>pairs.csv:12</c> or <c>00000.tar:000123</c>.</param>
/// <param name="Position">How much of its input has been read, in the unit of <see cref="ImportInput.Size"/>.</param>
/// <param name="Bytes">What it holds in memory already.</param>
/// <param name="Make">Makes the row; throws <see cref="ImportRowException"/> where it cannot be used.</param>
internal sealed record PendingRow(string Place, long Position, long Bytes, Func<ImportRow> Make);

/// <summary>A pair that cannot be imported. The import goes on without it.</summary>
/// <param name="reason">What is wrong, in the same words for all such pairs: reports count by it.</param>
/// <param name="detail">What is particular to this one.</param>
internal sealed class ImportRowException(string reason, string detail, Exception? inner = null) : Exception($"{reason}: {detail}", inner)
{
    public string Reason => reason;

    public string Detail => detail;
}
