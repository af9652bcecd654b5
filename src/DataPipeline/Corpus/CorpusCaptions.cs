using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The captions of a corpus alone: no image is read.</summary>
public static class CorpusCaptions
{
    /// <summary>All captions that are not null, in the corpus' order.</summary>
    /// <exception cref="CorpusException">The corpus has no caption column, or a file cannot be read.</exception>
    public static IEnumerable<string> Read(CorpusManifest manifest)
    {
        var caption = manifest.Caption ?? throw new CorpusException($"{manifest.Files[0].Path} has no caption column.");
        using var connection = new DuckDbConnection();
        foreach (var file in manifest.Files)
        {
            using var rows = connection.Query($"SELECT {caption.Expression} FROM {Sql.ReadParquet(file.Path)}");
            while (rows.NextChunk())
            {
                for (var row = 0; row < rows.Rows; row++)
                {
                    if (rows.Text(0, row) is { } text)
                        yield return text;
                }
            }
        }
    }
}
