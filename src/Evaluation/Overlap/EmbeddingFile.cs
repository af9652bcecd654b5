using System.Runtime.InteropServices;
using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>
/// A cache file of blocks of embeddings. Format: for each block the numbers of rows and columns (int32), the rows' sample indices (int64)
/// and the rows (fp32), little-endian. It appears under its name once it is complete.
/// </summary>
/// <param name="path">The file.</param>
internal sealed class EmbeddingFile(string path)
{
    public bool IsComplete => File.Exists(path);

    public IEnumerable<EmbeddingBlock> Read()
    {
        using var file = File.OpenRead(path);
        var size = new int[2];
        while (file.Position < file.Length)
        {
            file.ReadExactly(MemoryMarshal.AsBytes(size.AsSpan()));
            var block = new EmbeddingBlock(new long[size[0]], new Matrix(size[0], size[1]));
            file.ReadExactly(MemoryMarshal.AsBytes(block.Samples.AsSpan()));
            file.ReadExactly(MemoryMarshal.AsBytes(block.Embeddings.Values));
            yield return block;
        }
    }

    /// <summary>Writes blocks while they are enumerated. An abandoned enumeration leaves nothing behind.</summary>
    public IEnumerable<EmbeddingBlock> Write(IEnumerable<EmbeddingBlock> blocks)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        // Two commands may write the same corpus at once, so each writes a temporary file.
        var aside = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = File.Create(aside))
            {
                foreach (var block in blocks)
                {
                    int[] size = [block.Embeddings.Rows, block.Embeddings.Columns];
                    file.Write(MemoryMarshal.AsBytes(size.AsSpan()));
                    file.Write(MemoryMarshal.AsBytes(block.Samples.AsSpan()));
                    file.Write(MemoryMarshal.AsBytes(block.Embeddings.Values));
                    yield return block;
                }
            }

            File.Move(aside, path, overwrite: true);
        }
        finally
        {
            File.Delete(aside);
        }
    }
}
