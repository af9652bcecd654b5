using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Chooses a pair's caption for an epoch: a function of seed, epoch and sample. Blank captions are never chosen.
/// <para>Random: a column by its weight among those with a caption for the pair, then one of that column's captions uniformly. All: each
/// caption in turn, starting at a place that differs between pairs, so that in as many epochs as a pair has captions each is used once.
/// Captions of one pair are not separate samples: two of them in one batch would be each other's negatives.</para>
/// </summary>
/// <param name="mode">Random or All; <see cref="CaptionMode.First"/> reads no choices.</param>
/// <param name="weights">A weight for each column; empty for equal weights.</param>
/// <param name="seed">The run's seed.</param>
internal sealed class CaptionChoice(CaptionMode mode, IReadOnlyList<double> weights, ulong seed)
{
    /// <summary>The caption of a pair in an epoch.</summary>
    /// <param name="columns">The pair's captions, column by column.</param>
    /// <param name="sample">Pair and epoch.</param>
    /// <returns>The caption; null if all are blank.</returns>
    public string? Of(IReadOnlyList<IReadOnlyList<string?>> columns, SampleRef sample)
    {
        string[][] captions =
        [
            .. columns.Select(column => column.Where(text => !string.IsNullOrWhiteSpace(text)).Select(text => text!).ToArray()),
        ];
        return captions.All(column => column.Length == 0) ? null
            : mode == CaptionMode.All ? InTurn([.. captions.SelectMany(c => c)], sample)
            : ByChance(captions, sample);
    }

    private string InTurn(string[] captions, SampleRef sample)
    {
        var first = RandomStreams.Of(RandomPurpose.CaptionChoice, seed, time: 0, sample.Index).NextInt64(captions.Length);
        return captions[(first + sample.Epoch) % captions.Length];
    }

    private string? ByChance(string[][] captions, SampleRef sample)
    {
        var random = RandomStreams.Of(RandomPurpose.CaptionChoice, seed, sample.Epoch, sample.Index);
        var left = random.NextDouble(0, Enumerable.Range(0, captions.Length).Sum(column => Weight(captions, column)));
        var last = Array.FindLastIndex(captions, column => column.Length > 0);
        for (var column = 0; column < last; column++)
        {
            left -= Weight(captions, column);
            if (left < 0)
            {
                return captions[column][random.NextInt64(captions[column].Length)];
            }
        }

        return captions[last][random.NextInt64(captions[last].Length)];
    }

    private double Weight(string[][] captions, int column) =>
        captions[column].Length == 0 ? 0
        : weights.Count == 0 ? 1
        : weights[column];
}

/// <summary>The choice among several captions of a pair.</summary>
public enum CaptionMode
{
    /// <summary>The first that is not blank.</summary>
    First,

    /// <summary>A random one, drawn anew in each epoch.</summary>
    Random,

    /// <summary>Each in turn, one per epoch.</summary>
    All,
}
