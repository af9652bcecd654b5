namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The captions alone, for which no image is read: to train a tokenizer or to look at a corpus.</summary>
public static class CorpusCaptions
{
    /// <summary>The captions of the whole corpus in the order of samples, without nulls.</summary>
    /// <exception cref="CorpusException">A file is gone, changed or damaged.</exception>
    public static IEnumerable<string> Read(CorpusManifest manifest)
    {
        using var reader = new CorpusReader(manifest);
        foreach (var caption in reader.ReadColumn(manifest.CaptionColumn))
        {
            if (caption is not null)
            {
                yield return caption;
            }
        }
    }
}
