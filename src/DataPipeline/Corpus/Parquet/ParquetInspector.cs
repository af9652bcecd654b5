namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>What a Parquet file's metadata says of it.</summary>
/// <param name="File">Size and row groups.</param>
/// <param name="Fields">Its columns, in order.</param>
/// <param name="Footer">The metadata's bytes.</param>
internal sealed record ParquetDescription(CorpusFile File, IReadOnlyList<ParquetField> Fields, byte[] Footer);

/// <summary>Reads the metadata of Parquet files.</summary>
internal static class ParquetInspector
{
    /// <exception cref="CorpusException">The file cannot be read as Parquet.</exception>
    public static ParquetDescription Describe(string path)
    {
        try
        {
            var (footer, bytes) = ParquetFooter.Read(path);
            using var parquet = new ParquetFile(path);
            int[] groups = [.. Enumerable.Range(0, parquet.GroupCount).Select(parquet.Rows)];
            return new ParquetDescription(
                new CorpusFile(path, bytes, groups.Sum(rows => (long)rows), groups) { Stamp = FileStamp.Of(path) },
                parquet.Fields,
                footer
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{path} cannot be read: {e.Message}", e);
        }
        catch (Exception e) when (ParquetFailure.Is(e))
        {
            throw ParquetFailure.At(path, e);
        }
    }
}
