using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Ordering;

/// <summary>How many row groups a batch is mixed from where a run does not say.</summary>
public static class ShuffleWindow
{
    /// <summary>What a window holds. Of the two that a worker holds half a gibibyte is left for the rest of its data.</summary>
    private const double Bytes = 256 << 20;

    /// <summary>The window of a corpus, from the size of its files and the share of their rows that is selected.</summary>
    public static int Of(CorpusManifest manifest) =>
        Of(manifest.Files.Sum(file => file.Bytes) * ((double)manifest.SampleCount / manifest.RowCount), manifest.GroupRows.Count);

    internal static int Of(double corpusBytes, int groups) => (int)Math.Clamp(Bytes / (corpusBytes / groups), 1, groups);
}
