using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The captions of a corpus alone: no image is read.</summary>
public static class CorpusCaptions
{
    /// <summary>The captions of all samples that are not null, in the corpus' order.</summary>
    /// <exception cref="CorpusException">The corpus has no caption column, or a file cannot be read.</exception>
    public static IEnumerable<string> Read(CorpusManifest manifest)
    {
        using var connection = new DuckDbConnection();
        long firstRow = 0;
        for (var number = 0; number < manifest.Files.Count; number++)
        {
            var file = manifest.Files[number];
            var caption = manifest.PartOf(number).Caption ?? throw new CorpusException($"{file.Path} has no caption column.");
            using var rows = connection.Query($"SELECT {caption.Expression}, file_row_number FROM {Sql.ReadParquet(file.Path)}");
            while (rows.NextChunk())
            {
                for (var row = 0; row < rows.Rows; row++)
                {
                    if (manifest.IsSelected(firstRow + rows.Int64(1, row)) && rows.Text(0, row) is { } text)
                        yield return text;
                }
            }

            firstRow += file.Rows;
        }
    }
}
