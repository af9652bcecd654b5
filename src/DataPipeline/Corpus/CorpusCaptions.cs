namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The captions of a corpus, read without its images.</summary>
public static class CorpusCaptions
{
    /// <summary>All captions of each sample that are not blank, with the sample's number.</summary>
    /// <param name="manifest">A corpus with <see cref="CorpusManifest.CaptionChoices"/>.</param>
    /// <param name="keyColumn">A column to read along, such as one that groups rows; null for none.</param>
    /// <exception cref="CorpusException">A file cannot be read, or there is no such column.</exception>
    public static IEnumerable<(long Index, IReadOnlyList<string> Captions, string? Key)> Every(CorpusManifest manifest, string? keyColumn)
    {
        long index = 0;
        foreach (var row in CorpusScan.Rows(manifest, CorpusContent.Captions, manifest.IsSelected, keyColumn))
        {
            string[] captions =
            [
                .. row
                    .RowGroup.CaptionChoices(row.RowInRowGroup)!
                    .SelectMany(texts => texts)
                    .OfType<string>()
                    .Where(text => !string.IsNullOrWhiteSpace(text)),
            ];
            yield return (index++, captions, row.RowGroup.Label(row.RowInRowGroup));
        }
    }

    /// <summary>The caption of each sample that has one, in corpus order.</summary>
    /// <param name="manifest">The corpus.</param>
    /// <param name="onBad">Called with the key of each sample whose caption is not text, and the reason.</param>
    /// <exception cref="CorpusException">The corpus has no caption column, or a file cannot be read.</exception>
    public static IEnumerable<string> Read(CorpusManifest manifest, Action<string, string>? onBad = null)
    {
        if (manifest.Parts.Any(part => part.Caption is null))
        {
            throw new CorpusException($"{manifest.Files[0].Path} has no caption column; name one with data.caption_column");
        }

        long index = 0;
        foreach (var row in CorpusScan.Rows(manifest, CorpusContent.Captions, manifest.IsSelected))
        {
            if (row.RowGroup.CaptionProblem(row.RowInRowGroup) is { } problem)
            {
                onBad?.Invoke(manifest.Key(index), problem);
            }
            else if (row.Caption is { } text)
            {
                yield return text;
            }

            index++;
        }
    }
}
