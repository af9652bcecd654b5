using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>A row that is read.</summary>
/// <param name="File">Its file.</param>
/// <param name="Row">The row in the file.</param>
/// <param name="CorpusRow">The row counted through all files.</param>
internal readonly record struct ScannedRow(CorpusFile File, long Row, long CorpusRow);

/// <summary>Reads images or captions of the rows of a set, in order.</summary>
internal static class CorpusScan
{
    /// <summary>Gets a row and its image; empty where it is null.</summary>
    public delegate void VisitImage(ScannedRow row, ReadOnlySpan<byte> image);

    /// <exception cref="CorpusException">A file cannot be read.</exception>
    public static void Images(CorpusManifest manifest, RowMask rows, VisitImage visit) =>
        Each(manifest, CorpusContent.Images, rows, (place, group, row) => visit(place, group.Image(row)));

    /// <summary>A caption that is null or cannot be read as text is visited as an empty one.</summary>
    /// <exception cref="CorpusException">A file cannot be read.</exception>
    public static void Captions(CorpusManifest manifest, RowMask rows, Action<ScannedRow, string> visit) =>
        Each(manifest, CorpusContent.Captions, rows, (place, group, row) => visit(place, group.Caption(row) ?? ""));

    private static void Each(CorpusManifest manifest, CorpusContent content, RowMask rows, Action<ScannedRow, RowGroup, int> visit)
    {
        using var reader = new CorpusReader(manifest, labelColumn: null, content);
        for (var number = 0; number < manifest.GroupRows.Count; number++)
        {
            var group = manifest.Groups[number];
            var wanted = new bool[group.Rows];
            for (var row = 0; row < wanted.Length; row++)
                wanted[row] = rows[group.FirstCorpusRow + row];
            if (!wanted.Contains(true))
                continue;
            using var read = reader.Read(number, wanted);
            for (var row = 0; row < wanted.Length; row++)
            {
                if (wanted[row])
                    visit(new ScannedRow(manifest.Files[group.File], group.FirstRow + row, group.FirstCorpusRow + row), read, row);
            }
        }
    }
}
