using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps the first of the rows whose images look the same, that is, whose perceptual hash is near that of a kept row. Images are decoded
/// on all cores, a block of rows at a time; the result does not depend on the number of cores. Rows whose image cannot be decoded are
/// kept: the loader reports them.
/// </summary>
internal sealed class PerceptualDuplicates : ISelectionRule
{
    private const int BlockRows = 256;

    public string Name => "images that look different";

    public void Apply(CorpusManifest manifest, RowMask rows)
    {
        var kept = new NearHashes();
        var block = new List<(long Row, byte[] Image)>(BlockRows);
        using var readers = new ThreadLocal<LuminanceReader>(() => new LuminanceReader(), trackAllValues: true);
        foreach (var row in CorpusScan.Rows(manifest, CorpusContent.Images, row => rows[row]))
        {
            block.Add((row.CorpusRow, row.Image.ToArray()));
            if (block.Count == BlockRows)
            {
                Judge();
            }
        }

        Judge();
        foreach (var reader in readers.Values)
        {
            reader.Dispose();
        }

        void Judge()
        {
            var hashes = new ulong?[block.Count];
            Parallel.For(0, block.Count, i => hashes[i] = Hash(block[i].Image, readers.Value!));
            for (var i = 0; i < hashes.Length; i++)
            {
                if (hashes[i] is { } hash && !kept.Add(hash))
                {
                    rows.Remove(block[i].Row);
                }
            }

            block.Clear();
        }
    }

    private static ulong? Hash(byte[] image, LuminanceReader reader)
    {
        Span<float> luminance = stackalloc float[PerceptualHash.Side * PerceptualHash.Side];
        return reader.TryRead(image, luminance) ? PerceptualHash.Of(luminance) : null;
    }
}
