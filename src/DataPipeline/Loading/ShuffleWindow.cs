using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>The default number of row groups that a batch is mixed from.</summary>
public static class ShuffleWindow
{
    /// <summary>Bytes of a window. A worker holds up to two windows divided by the number of workers.</summary>
    private const double Bytes = 256 << 20;

    /// <summary>The default window of a corpus, from the size of its files and the share of rows selected.</summary>
    public static int Of(CorpusManifest manifest) =>
        Of(manifest.Files.Sum(file => file.Bytes) * ((double)manifest.SampleCount / manifest.RowCount), manifest.RowGroupRows.Count);

    internal static int Of(double corpusBytes, int groups) => (int)Math.Clamp(Bytes / (corpusBytes / groups), 1, groups);
}
