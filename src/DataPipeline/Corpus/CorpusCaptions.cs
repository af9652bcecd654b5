namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The captions of a corpus alone: no image is read.</summary>
public static class CorpusCaptions
{
    /// <summary>All captions of each sample that are not blank, by its number.</summary>
    /// <param name="manifest">A corpus with <see cref="CorpusManifest.CaptionChoices"/>.</param>
    /// <param name="keyColumn">A column to read with them, such as one by which rows belong together; null for none.</param>
    /// <exception cref="CorpusException">A file cannot be read, or there is no such column.</exception>
    public static IEnumerable<(long Index, IReadOnlyList<string> Captions, string? Key)> Every(CorpusManifest manifest, string? keyColumn)
    {
        using var reader = new CorpusReader(manifest, keyColumn, CorpusContent.Captions);
        for (var number = 0; number < manifest.GroupRows.Count; number++)
        {
            using var rows = reader.Read(number);
            var group = manifest.Groups[number];
            for (var index = group.FirstIndex; index < group.FirstIndex + group.Samples; index++)
            {
                var row = manifest.Place(index).Row;
                yield return (
                    index,
                    [
                        .. rows.CaptionChoices(row)!
                            .SelectMany(texts => texts)
                            .OfType<string>()
                            .Where(text => !string.IsNullOrWhiteSpace(text)),
                    ],
                    rows.Label(row)
                );
            }
        }
    }

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
