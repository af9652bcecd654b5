using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>
/// Chooses the caption that an epoch sees of a pair: a function of seed, epoch and sample. Blank captions are never chosen.
/// <para>By chance: a column by its weight among those that have a caption for the pair, then one of its captions, each as
/// likely. All: in turn from a place that differs from pair to pair, so that as many epochs as a pair has captions use each
/// once. They are not samples of their own: two of the same image in one batch would count as each other's negatives.</para>
/// </summary>
/// <param name="mode">Not <see cref="CaptionMode.First"/>, which reads no choices.</param>
/// <param name="weights">A weight for each column; none weighs all alike.</param>
/// <param name="seed">The run's seed.</param>
internal sealed class CaptionChoice(CaptionMode mode, IReadOnlyList<double> weights, ulong seed)
{
    /// <param name="columns">The captions of a pair, column by column.</param>
    /// <param name="sample">The pair and the epoch.</param>
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
                return captions[column][random.NextInt64(captions[column].Length)];
        }

        return captions[last][random.NextInt64(captions[last].Length)];
    }

    private double Weight(string[][] captions, int column) =>
        captions[column].Length == 0 ? 0
        : weights.Count == 0 ? 1
        : weights[column];
}
