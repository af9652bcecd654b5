using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>
/// Keeps the first of the rows whose images look the same: whose perceptual hashes are near that of one kept before. Images
/// are decoded on all cores, a block of rows at a time; which row stays does not depend on the cores. A row whose image
/// cannot be decoded is kept: the loader names it.
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
        CorpusScan.Images(
            manifest,
            rows,
            (row, image) =>
            {
                block.Add((row.CorpusRow, image.ToArray()));
                if (block.Count == BlockRows)
                    Judge();
            }
        );
        Judge();
        foreach (var reader in readers.Values)
            reader.Dispose();

        void Judge()
        {
            var hashes = new ulong?[block.Count];
            Parallel.For(0, block.Count, i => hashes[i] = Hash(block[i].Image, readers.Value!));
            for (var i = 0; i < hashes.Length; i++)
            {
                if (hashes[i] is { } hash && !kept.Add(hash))
                    rows.Remove(block[i].Row);
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
