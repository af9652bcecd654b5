using ClipTrain.DataPipeline.Text;

namespace ClipTrain.Trainer.InitialWeights;

/// <summary>Maps the rows of a token table to those of another vocabulary, by the text of the tokens.</summary>
public sealed class TokenRows
{
    private readonly int[] _from;

    private TokenRows(int[] from) => _from = from;

    /// <summary>Number of rows of the new table that the old one has too.</summary>
    public int Shared => _from.Count(row => row >= 0);

    /// <summary>Number of rows of the new table.</summary>
    public int Count => _from.Length;

    public static TokenRows Match(MergeList from, MergeList to)
    {
        // Two merges may produce the same text; the encoder meets the first one sooner.
        var rows = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (row, text) in from.Symbols.Index())
        {
            rows.TryAdd(text, row);
        }

        return new TokenRows([.. to.Symbols.Select(text => rows.GetValueOrDefault(text, -1))]);
    }

    /// <summary>True if two vocabularies assign every token the same row.</summary>
    public static bool AreSame(MergeList one, MergeList other) => one.Symbols.SequenceEqual(other.Symbols, StringComparer.Ordinal);

    /// <summary>Copies the shared rows; other rows are unchanged.</summary>
    /// <param name="width">Elements per row.</param>
    public void Copy(ReadOnlySpan<float> from, Span<float> to, int width)
    {
        for (var row = 0; row < _from.Length; row++)
        {
            if (_from[row] >= 0)
            {
                from.Slice(_from[row] * width, width).CopyTo(to.Slice(row * width, width));
            }
        }
    }
}
