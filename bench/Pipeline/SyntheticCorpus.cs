using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.Bench.Pipeline;

/// <summary>A Parquet corpus of synthetic photographs: smooth waves with a little noise, for JPEGs of realistic size.</summary>
internal static class SyntheticCorpus
{
    private const int Distinct = 256,
        Quality = 90,
        RowGroupRows = 250;

    /// <summary>The distinct JPEGs of a corpus.</summary>
    /// <param name="side">Width and height in pixels.</param>
    public static byte[][] Images(int side) => [.. Enumerable.Range(0, Distinct).Select(i => Encode(i, side))];

    /// <summary>Writes the images in turn until the corpus has its rows; each has its own caption.</summary>
    public static CorpusManifest Write(string folder, byte[][] images, int rows)
    {
        var path = Path.Combine(folder, "corpus.parquet");
        using (var writer = new CorpusWriter(path, RowGroupRows))
        {
            for (var i = 0; i < rows; i++)
            {
                writer.Add(images[i % images.Length], $"a photo of a wave, number {i}, in the afternoon light");
            }

            writer.Complete();
        }

        return CorpusManifest.Create([path]);
    }

    private static unsafe byte[] Encode(int seed, int side)
    {
        var random = new Random(seed);
        var (fx, fy, phase) = (random.NextDouble() * 0.2, random.NextDouble() * 0.2, random.NextDouble() * 6);
        using var pixels = new PixelBuffer();
        pixels.Resize(side, side);
        for (var y = 0; y < side; y++)
        {
            var row = pixels.Row(y);
            for (var x = 0; x < side; x++)
            {
                for (var channel = 0; channel < 3; channel++)
                {
                    row[(x * PixelBuffer.BytesPerPixel) + channel] = (byte)(
                        120 + (90 * Math.Sin((fx * x) + (fy * y * (channel + 1)) + phase)) + random.Next(20)
                    );
                }
            }
        }

        return JpegEncoder.Encode(pixels, Quality);
    }
}
