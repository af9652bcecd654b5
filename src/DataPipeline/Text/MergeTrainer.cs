namespace ClipTrain.DataPipeline.Text;

/// <summary>Progress of learning a vocabulary.</summary>
/// <param name="Captions">Captions counted so far.</param>
/// <param name="Pieces">Distinct pieces among them.</param>
/// <param name="Merges">Merges learned; 0 while captions are counted.</param>
public readonly record struct MergeProgress(long Captions, int Pieces, int Merges);

/// <summary>
/// Learns a vocabulary from captions: byte-pair encoding by frequency (Sennrich et al. 2016) over the pieces that the tokenizer will see.
/// </summary>
public static class MergeTrainer
{
    private const int CaptionsPerReport = 10_000,
        MergesPerReport = 100;

    /// <summary>
    /// Learns up to <paramref name="merges"/> merges; fewer once no pair of symbols occurs twice. Each merge is the most frequent pair
    /// whose result does not exist yet; ties go to the smaller left token, then the smaller right token. The result does not depend on
    /// the order of the captions.
    /// </summary>
    /// <param name="captions">Captions; enumerated once.</param>
    /// <param name="merges">Number of merges; the vocabulary has 514 tokens more.</param>
    /// <param name="progress">Reported from time to time, and at the end.</param>
    public static MergeList Learn(IEnumerable<string> captions, int merges, IProgress<MergeProgress>? progress = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(merges);
        var counter = new PieceCounter();
        var read = 0L;
        foreach (var caption in captions)
        {
            counter.Add(caption);
            if (++read % CaptionsPerReport == 0)
            {
                progress?.Report(new MergeProgress(read, counter.Counts.Count, 0));
            }
        }

        var words = new MergeCorpus(counter.Counts);
        var learned = new List<Merge>();
        while (learned.Count < merges && words.MergeNext() is { } merge)
        {
            learned.Add(merge);
            if (learned.Count % MergesPerReport == 0)
            {
                progress?.Report(new MergeProgress(read, counter.Counts.Count, learned.Count));
            }
        }

        progress?.Report(new MergeProgress(read, counter.Counts.Count, learned.Count));
        return MergeList.Of(learned);
    }
}
