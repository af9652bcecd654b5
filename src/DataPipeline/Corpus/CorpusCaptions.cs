namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The captions of a corpus alone: no image is read.</summary>
public static class CorpusCaptions
{
    /// <summary>The captions of all samples that are not null, in the corpus' order.</summary>
    /// <param name="manifest">The corpus.</param>
    /// <param name="onBad">Gets the key of each sample whose caption cannot be read as text, and why.</param>
    /// <exception cref="CorpusException">The corpus has no caption column, or a file cannot be read.</exception>
    public static IEnumerable<string> Read(CorpusManifest manifest, Action<string, string>? onBad = null)
    {
        if (manifest.Parts.Any(part => part.Caption is null))
            throw new CorpusException($"{manifest.Files[0].Path} has no caption column.");
        using var reader = new CorpusReader(manifest, labelColumn: null, CorpusContent.Captions);
        for (var number = 0; number < manifest.GroupRows.Count; number++)
        {
            var (rows, firstRow) = (reader.Read(number), manifest.Groups[number].FirstCorpusRow);
            using (rows)
            {
                var index = manifest.Groups[number].FirstIndex;
                for (var row = 0; row < rows.Rows; row++)
                {
                    if (!manifest.IsSelected(firstRow + row))
                        continue;
                    if (rows.CaptionProblem(row) is { } problem)
                        onBad?.Invoke(manifest.Key(index), problem);
                    else if (rows.Caption(row) is { } text)
                        yield return text;
                    index++;
                }
            }
        }
    }
}
