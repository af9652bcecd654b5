using System.Buffers.Binary;
using System.Security.Cryptography;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps the first of the rows whose image files are the same in every byte, told by 128 bits of SHA-256; memory is about 40
/// bytes a row. A row without an image is kept: the loader names it.
/// </summary>
internal sealed class ExactDuplicates : ISelectionRule
{
    public string Name => "different image files";

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        var seen = new HashSet<UInt128>();
        CorpusScan.Images(
            manifest,
            rows,
            (row, image) =>
            {
                if (!image.IsEmpty && !seen.Add(Digest(image)))
                    rows.Remove(row.CorpusRow);
            }
        );
    }

    private static UInt128 Digest(ReadOnlySpan<byte> image)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(image, digest);
        return BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }
}
