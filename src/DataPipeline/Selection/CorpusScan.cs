using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>A row that is read.</summary>
/// <param name="File">Its file.</param>
/// <param name="Row">The row in the file.</param>
/// <param name="CorpusRow">The row counted through all files.</param>
internal readonly record struct ScannedRow(CorpusFile File, long Row, long CorpusRow);

/// <summary>Reads one column of the rows of a set, in order.</summary>
internal static class CorpusScan
{
    /// <summary>Gets a row and its value: UTF-8 or bytes, empty where it is null.</summary>
    public delegate void Visit(ScannedRow row, ReadOnlySpan<byte> value);

    /// <exception cref="CorpusException">A file cannot be read.</exception>
    public static void Each(CorpusManifest manifest, CorpusSource column, RowMask rows, Visit visit)
    {
        using var connection = new DuckDbConnection();
        long firstRow = 0;
        foreach (var file in manifest.Files)
        {
            try
            {
                using var result = connection.Query($"SELECT file_row_number, {column.Expression} FROM {Sql.ReadParquet(file.Path)}");
                Visited(result, file, firstRow, rows, visit);
            }
            catch (DuckDbException e)
            {
                throw new CorpusException($"{file.Path}: column {column.Name} cannot be read; copy or download the file again, or leave it out ({e.Message})", e);
            }

            firstRow += file.Rows;
        }
    }

    private static void Visited(DuckDbResult result, CorpusFile file, long firstRow, RowMask rows, Visit visit)
    {
        while (result.NextChunk())
        {
            for (var i = 0; i < result.Rows; i++)
            {
                var row = result.Int64(0, i);
                if (rows[firstRow + row])
                    visit(new ScannedRow(file, row, firstRow + row), result.IsNull(1, i) ? default : result.Bytes(1, i));
            }
        }
    }
}
