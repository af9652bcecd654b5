namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Rows that are read and shuffled as a unit: a row group, or a part of one that is too large.</summary>
/// <param name="File">Index of the file in the manifest.</param>
/// <param name="RowGroup">Index of the row group in the file.</param>
/// <param name="Offset">First row within the row group.</param>
/// <param name="FirstRow">First row within the file.</param>
/// <param name="FirstCorpusRow">First row counted through all files.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="FirstIndex">First sample's number in the corpus.</param>
/// <param name="Samples">Number of selected rows.</param>
internal readonly record struct ReadGroup(
    int File,
    int RowGroup,
    int Offset,
    long FirstRow,
    long FirstCorpusRow,
    int Rows,
    long FirstIndex,
    int Samples
)
{
    /// <summary>Row groups with more rows are split: larger ones cost memory and random access.</summary>
    public const int MaxRows = 2048;

    /// <summary>The groups of a corpus.</summary>
    /// <param name="files">Files of the corpus.</param>
    /// <param name="selected">The rows that are samples; null for all.</param>
    public static ReadGroup[] Cut(IReadOnlyList<CorpusFile> files, RowMask? selected)
    {
        var groups = new List<ReadGroup>();
        long index = 0,
            corpusRow = 0;
        for (var file = 0; file < files.Count; file++)
        {
            long row = 0;
            for (var rowGroup = 0; rowGroup < files[file].RowGroups.Count; rowGroup++)
            {
                var rows = files[file].RowGroups[rowGroup];
                var parts = (rows + MaxRows - 1) / MaxRows;
                for (var part = 0; part < parts; part++)
                {
                    // Parts as equal as possible.
                    var offset = (int)((long)part * rows / parts);
                    var count = (int)((part + 1L) * rows / parts) - offset;
                    var samples = selected?.CountIn(corpusRow, count) ?? count;
                    groups.Add(new ReadGroup(file, rowGroup, offset, row, corpusRow, count, index, samples));
                    row += count;
                    corpusRow += count;
                    index += samples;
                }
            }
        }

        return [.. groups];
    }
}
