namespace ClipTrain.DataPipeline.Ordering;

/// <summary>A stretch of a corpus's stream of samples that is read from a few row groups. Not to be changed: it is shared.</summary>
/// <param name="Epoch">The epoch that it belongs to.</param>
/// <param name="Start">Its first position in the corpus's stream.</param>
/// <param name="Groups">The row groups that its samples lie in.</param>
/// <param name="Samples">Its samples by position.</param>
internal sealed record StreamWindow(long Epoch, long Start, int[] Groups, long[] Samples)
{
    /// <summary>The corpus of the mixture that it is of.</summary>
    public int Corpus { get; init; }

    /// <summary>The position after its last.</summary>
    public long End => Start + Samples.Length;
}
