namespace ClipTrain.DataPipeline.Corpus;

/// <summary>One row of a scan. Valid until the scan moves on.</summary>
/// <param name="Group">The rows that were read together with it.</param>
/// <param name="RowInRowGroup">Its row in <paramref name="RowGroup"/>.</param>
/// <param name="File">Its file.</param>
/// <param name="Row">Its row in the file.</param>
/// <param name="CorpusRow">Its row counted through all files.</param>
internal readonly record struct ScannedRow(RowGroup RowGroup, int RowInRowGroup, CorpusFile File, long Row, long CorpusRow)
{
    /// <summary>The encoded image; empty where it is null.</summary>
    public ReadOnlySpan<byte> Image => RowGroup.Image(RowInRowGroup);

    /// <summary>The caption; null where it is null or not text.</summary>
    public string? Caption => RowGroup.Caption(RowInRowGroup);
}

/// <summary>Reads wanted rows of a corpus once, in corpus order, on the calling thread.</summary>
internal static class CorpusScan
{
    /// <param name="manifest">The corpus.</param>
    /// <param name="content">The columns to read.</param>
    /// <param name="isWanted">Tells by its number through all files whether a row is read; evaluated when its row group opens.</param>
    /// <param name="labelColumn">A column to read as label, or null.</param>
    /// <exception cref="CorpusException">A file cannot be read, or there is no such label column.</exception>
    public static IEnumerable<ScannedRow> Rows(
        CorpusManifest manifest,
        CorpusContent content,
        Func<long, bool> isWanted,
        string? labelColumn = null
    )
    {
        using var reader = new CorpusReader(manifest, labelColumn, content);
        for (var number = 0; number < manifest.RowGroupRows.Count; number++)
        {
            var group = manifest.RowGroups[number];
            var wanted = new bool[group.Rows];
            for (var row = 0; row < wanted.Length; row++)
            {
                wanted[row] = isWanted(group.FirstCorpusRow + row);
            }

            if (!wanted.Contains(true))
            {
                continue;
            }

            using var rows = reader.Read(number, wanted);
            for (var row = 0; row < wanted.Length; row++)
            {
                if (wanted[row])
                {
                    yield return new ScannedRow(rows, row, manifest.Files[group.File], group.FirstRow + row, group.FirstCorpusRow + row);
                }
            }
        }
    }
}
