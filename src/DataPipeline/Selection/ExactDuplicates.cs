using System.Buffers.Binary;
using System.Security.Cryptography;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps the first of the rows with identical image files, compared by 128 bits of SHA-256; memory is about 40 bytes per row. Rows
/// without an image are kept: the loader reports them.
/// </summary>
internal sealed class ExactDuplicates : ISelectionRule
{
    public string Name => "different image files";

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        var seen = new HashSet<UInt128>();
        foreach (var row in CorpusScan.Rows(manifest, CorpusContent.Images, row => rows[row]))
        {
            if (!row.Image.IsEmpty && !seen.Add(Digest(row.Image)))
            {
                rows.Remove(row.CorpusRow);
            }
        }
    }

    private static UInt128 Digest(ReadOnlySpan<byte> image)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(image, digest);
        return BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }
}
